"""Whole calls through the daemon's compatible endpoint, with the engine behind it: a telephone's, and one whose engine dies."""

import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentd.audio.formats import AudioFormat
from agentd.audio.resample import Converter
from tests.e2e.clients.conftest import RECORDING, SAID
from tests.support.agent_client import SETTINGS, AgentClient, agent_client
from tests.support.daemon import PATIENT, DaemonProcess, daemon_process
from tests.support.handlers import children
from tests.support.telephone import Bridge, telephone_call

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

GREETING = (
    "Hello, this is the house speaking. I can turn lights on and off, in every room that has some. I can tell you the time, and "
    "which day it is today. I can set a timer for you, and tell you how long it still takes. I can write down what you have to "
    "buy, and read it to you when you are in the shop. What can I do for you?"
)
"""Longer than a busy machine takes to notice that the caller interrupts it."""
CONFIG = f"""
[agents.phone]
prompt = "You answer the telephone of a house."
greeting = "{GREETING}"
"""
TELEPHONE = {"encoding": "mulaw", "sample_rate": 8000}
SETTINGS_OF_THE_BRIDGE: dict[str, Any] = {
    "type": "Settings",
    "audio": {"input": TELEPHONE, "output": TELEPHONE | {"container": "none"}},
    "agent": {
        "language": "en",
        "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    async with daemon_process(tmp_path_factory.mktemp("daemon"), PATIENT + CONFIG) as running:
        yield running


def agent_url(daemon: DaemonProcess) -> str:
    return daemon.url.replace("http", "ws", 1)


def spoken(encoding: str, rate: int, path: Path = RECORDING) -> bytes:
    """The recording as a client sends it."""
    with wave.open(str(path)) as file:
        samples, recorded = file.readframes(file.getnframes()), file.getframerate()
    return Converter(AudioFormat("linear16", recorded), AudioFormat(encoding, rate)).feed(samples, last=True)  # type: ignore[arg-type]


async def live(daemon: DaemonProcess) -> dict[str, Any]:
    """The only session that lives."""
    (session,) = [one for one in (await daemon.call("GET", "/v1/sessions")).json["items"] if one["ended_at"] is None]
    assert isinstance(session, dict)
    return session


async def renewed(daemon: DaemonProcess, client: AgentClient) -> None:
    """Wait until the only session has its second connection; a client that did not read meanwhile would answer no ping."""
    async with asyncio.timeout(90):
        while (await live(daemon))["usage"]["renewals"] == 0:
            await client.quiet(0.1)


async def event(daemon: DaemonProcess, run_id: str, type_: str) -> dict[str, Any]:
    """The first event of a type, as a long poll brings it."""
    after = "0"
    async with asyncio.timeout(30):
        while True:
            page = (await daemon.call("GET", f"/v1/sessions/{run_id}/events?after={after}&wait_s=10")).json
            for one in page["items"]:
                if one["type"] == type_:
                    return dict(one["data"])
            after = page["next"]


async def test_a_telephone_call_switches_a_lamp_and_is_a_session_of_its_own(daemon: DaemonProcess) -> None:
    bridge = Bridge(agent_url(daemon) + "/v1/agent/converse?agent=phone", daemon.token, SETTINGS_OF_THE_BRIDGE)
    async with telephone_call(bridge) as call:
        await call.until_heard(1.0)
        session = await live(daemon)
        assert (session["agent"], session["state"], session["audio"]["input"]) == ("phone", "active", TELEPHONE)
        call.speak(spoken("mulaw", 8000))
        await call.until_cleared()  # the caller interrupts the greeting
        reply_from = len(call.sounds)
        requested = await event(daemon, session["run_id"], "FunctionCallFinished")
        assert (requested["name"], requested["outcome"]) == ("set_light", "ok")
        await call.until_heard(0.8, after=reply_from)
    ended = await event(daemon, session["run_id"], "SessionEnded")
    assert ended["end_reason"] == "client_left"
    turns = (await daemon.call("GET", f"/v1/sessions/{session['run_id']}/turns")).json["items"]
    assert [turn["interrupted"] for turn in turns if turn["cause"] == "agent"] == [True]
    (asked,) = [turn for turn in turns if turn["cause"] == "speech"]
    assert asked["heard"].lower().strip(" .!") == SAID
    assert "living room" in asked["said"]
    assert asked["delivered"]
    shown = [message for message in bridge.messages if message["type"] in ("FunctionCallRequest", "FunctionCallResponse")]
    assert [message["type"] for message in shown] == ["FunctionCallRequest", "FunctionCallResponse"]
    assert shown[0]["functions"][0]["client_side"] is False


async def test_a_call_goes_on_when_the_engine_dies_in_the_middle_of_a_sentence(daemon: DaemonProcess) -> None:
    async with agent_client(agent_url(daemon), daemon.token, path="/v1/agent/converse?agent=home") as client:
        await client.send(SETTINGS)
        await client.until("SettingsApplied")
        voice = spoken("linear16", 16_000)
        half = len(voice) // 4 * 2
        await client.speak(voice[:half])
        (engine,) = [child for child in children(daemon.process.pid) if _is_engine(child)]
        os.kill(engine, signal.SIGKILL)
        await client.speak(voice[half:])
        await renewed(daemon, client)  # the caller waits: what is kept for the next engine are the last ten seconds
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(client.speak(bytes(32_000 * 60)), name="caller")
            heard = await client.until(lambda item: isinstance(item, dict) and item.get("role") == "user", timeout=50)
            await client.until("FunctionCallResponse", timeout=30)
            await client.until("AgentAudioDone", timeout=30)
            talking.cancel()
        assert heard["content"].lower().strip(" .!") == SAID, "the words from before and after the break"
        kinds = client.kinds()
        assert kinds.count("Welcome") == kinds.count("SettingsApplied") == 1
        assert kinds.count("FunctionCallRequest") == kinds.count("FunctionCallResponse") == 1
        assert "Error" not in kinds
        assert (await live(daemon))["usage"]["renewals"] == 1


def _is_engine(process: int) -> bool:
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    return b"agentd" in command and b"engine" in command
