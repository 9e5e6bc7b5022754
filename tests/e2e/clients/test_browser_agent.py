"""Deepgram's web component, unmodified, in Chromium: it hears with the microphone, plays what comes, and drops none of it."""

import json
import socket
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.clients import plan
from tests.e2e.clients.conftest import RECORDING, SAID
from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.programs import CHROMIUM, NODE, NODE_CLIENTS, needs_chromium, needs_node, run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    needs_node,
    needs_chromium,
]

BEFORE_S, AFTER_S = 4, 30
"""What the microphone hears before the recording, while the greeting is spoken, and after it."""


def free_port() -> int:
    """A port that was free a moment ago: the daemon is told the page's origin before the page is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def page_port() -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(page_port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    """The daemon, with the engine behind its compatible endpoint."""
    environment = {"AGENTD_SERVER__ALLOWED_ORIGINS": json.dumps([f"http://127.0.0.1:{page_port}"])}
    async with daemon_process(tmp_path_factory.mktemp("daemon"), "", environment=environment) as running:
        yield running


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """What Chromium's microphone hears: it begins with the page's asking for it, and is heard once."""
    with wave.open(str(RECORDING)) as file:
        shape, speech = file.getparams(), file.readframes(file.getnframes())
    path = tmp_path / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams(shape)
        second = bytes(2 * shape.framerate)
        file.writeframes(second * BEFORE_S + speech + second * AFTER_S)
    return path


async def test_a_page_converses_with_its_microphone_by_a_token(
    daemon: DaemonProcess, page_port: int, microphone: Path, tmp_path: Path
) -> None:
    program, url = str(NODE_CLIENTS / "browser_agent.mjs"), daemon.url.replace("http", "ws", 1)
    ended = await run(
        program, url, daemon.token, str(microphone), json.dumps(plan.document()), str(page_port), str(CHROMIUM),
        folder=tmp_path, interpreter=NODE,
    )  # fmt: skip
    heard, typed = ended.texts("user")
    assert heard.lower().strip(" .!") == SAID
    assert typed == plan.TYPED
    assert ended.texts("assistant") == [
        plan.GREETING,
        "The lamp in the living room is on now.",
        "The lamp in the kitchen is off now.",
    ]
    kinds = [note["type"] for note in ended.notes]
    assert kinds.count("AgentAudioDone") == 3
    assert not {"Error", "(error)", "(empty audio)", "(unknown message)", "(failed setup)"} & set(kinds), ended.out
    assert kinds[-1] == "(socket close)"
    played_s = sum(note["bytes"] for note in ended.of_type("audio")) / 2 / plan.OUTPUT_RATE
    assert played_s > 4, "three sentences were scheduled for playing"
    started = ended.of_type("AgentStartedSpeaking")
    assert len(started) == 3
    assert all(note["total_latency"] >= note["tts_latency"] > 0 for note in started)
