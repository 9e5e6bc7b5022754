"""SIGTERM while people talk: who is in a conversation may finish it, and nobody else holds the daemon up."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.fuzzing import CONFIG, SCRIPT
from tests.support.scripted import ScriptedEngine, scripted_engine

pytestmark = pytest.mark.e2e


Heard = tuple[DaemonProcess, list[aiohttp.ClientResponse], ScriptedEngine]


@asynccontextmanager
async def listened_to(folder: Path, *, drain_s: float, sessions: int = 3) -> AsyncIterator[Heard]:
    """A daemon with some sessions, each heard by somebody but the last."""
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(scripted_engine(SCRIPT))
        config = CONFIG.format(key=peer.key, ws=peer.url, http=peer.http_url)
        config = config.replace(
            "[agents.default]", '[agents.home]\ngoodbye = "I have to go now."\nupstream = "deepgram"\n[agents.default]'
        )
        environment = {"AGENTD_LIMITS__DRAIN_S": str(drain_s)}
        daemon = await stack.enter_async_context(daemon_process(folder, config, environment=environment))
        heard = []
        for number in range(sessions):
            assert (await daemon.call("PUT", f"/v1/sessions/room{number}")).status == 201
            if number < sessions - 1:
                url, headers = f"{daemon.url}/v1/sessions/room{number}/audio", {"Authorization": f"Bearer {daemon.token}"}
                heard.append(await stack.enter_async_context(daemon.http.get(url, headers=headers)))
        yield daemon, heard, peer


async def states(daemon: DaemonProcess) -> dict[str, str]:
    return {item["id"]: item["state"] for item in (await daemon.call("GET", "/v1/sessions")).json["items"]}


async def eventually_states(daemon: DaemonProcess, wanted: dict[str, str]) -> None:
    async with asyncio.timeout(30):
        while await states(daemon) != wanted:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.02)


async def test_conversations_that_somebody_is_in_may_finish_and_nothing_new_begins(tmp_path: Path) -> None:
    async with listened_to(tmp_path, drain_s=60) as (daemon, heard, _):
        daemon.process.send_signal(signal.SIGTERM)
        await eventually_states(daemon, {"room0": "active", "room1": "active", "room2": "ended"})
        refused = await daemon.call("PUT", "/v1/sessions/late")
        assert (refused.status, refused.json["code"]) == (503, "draining")
        ready = await daemon.call("GET", "/readyz")
        assert (ready.status, ready.json["reason"], ready.json["details"]["sessions"]) == (503, "draining", 2)
        assert b"agentd_draining 1.0" in (await daemon.call("GET", "/metrics")).body
        reply = await daemon.call("POST", "/v1/sessions/room0/messages?wait=reply", json={"content": "still there"})
        assert reply.json["said"] == "I heard: still there"
        heard[0].close()
        await eventually_states(daemon, {"room0": "ended", "room1": "active", "room2": "ended"})
        ended = await daemon.call("GET", "/v1/sessions/room0")
        assert ended.json["end_reason"] == "daemon_shutdown"
        heard[1].close()
        async with asyncio.timeout(30):
            assert await daemon.process.wait() == 0


def last_words(peer: ScriptedEngine) -> list[str]:
    """What agents were told to say, by session."""
    return [
        " ".join(message["message"] for message in one.messages if message["type"] == "InjectAgentMessage")
        for one in peer.connections
    ]


async def test_who_talks_longer_hears_goodbye_at_the_end_of_the_time(tmp_path: Path) -> None:
    async with listened_to(tmp_path, drain_s=1, sessions=2) as (daemon, heard, peer):
        daemon.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await heard[0].read()
            assert await daemon.process.wait() == 0
        assert last_words(peer) == ["I have to go now.", ""], "nobody was there to hear the second one"


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)])
async def test_a_second_sigterm_or_ctrl_c_waits_for_nobody(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    async with listened_to(tmp_path, drain_s=600, sessions=2) as (daemon, heard, peer):
        for sent, number in enumerate(numbers, start=1):
            daemon.process.send_signal(number)
            if sent < len(numbers):  # two signals at once are one
                async with asyncio.timeout(30):
                    while (await daemon.call("GET", "/readyz")).json.get("reason") != "draining":  # noqa: ASYNC110 - asked over HTTP
                        await asyncio.sleep(0.02)
        async with asyncio.timeout(60):
            await heard[0].read()
            assert await daemon.process.wait() == 0
        assert last_words(peer) == ["", ""]
