"""``agentd talk`` on a real daemon, with a microphone and a speaker that are made of numbers instead of air."""

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.client import Daemon
from agentd.cli.talk import FRAME_BYTES, FRAME_S, RATE, converse
from agentd.config import PathSettings, Settings
from tests.support.daemon import ROOT, daemon_process

pytestmark = pytest.mark.e2e

QUESTION = ROOT / "agentd/demo/question.wav"


class Room:
    """A microphone in which a question is heard, and a speaker that plays as fast as a real one."""

    def __init__(self, question: bytes) -> None:
        self.played = bytearray()
        self.given = self.given_while_playing = 0
        self._question = question
        self._until = 0.0
        self._loop = asyncio.get_running_loop()

    async def frames(self) -> AsyncIterator[bytes]:
        silence, due = bytes(FRAME_BYTES), self._loop.time()
        for start in range(0, RATE * 2 * 60, FRAME_BYTES):
            frame = self._question[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") or silence
            self.given += 1
            self.given_while_playing += self.playing
            yield frame
            due += FRAME_S
            await asyncio.sleep(due - self._loop.time())  # a microphone gives in real time

    def play(self, pcm: bytes) -> None:
        self.played += pcm
        self._until = max(self._until, self._loop.time()) + len(pcm) / 2 / RATE

    def cut(self) -> None:
        self._until = 0.0

    @property
    def playing(self) -> bool:
        return self._until > self._loop.time()


class Counting:
    """A socket that counts what is sent while the agent is heard."""

    def __init__(self, socket: Any, room: Room) -> None:
        self._socket, self._room = socket, room
        self.sent = self.sent_over_the_agent = 0

    async def send_bytes(self, frame: bytes) -> None:
        self.sent += 1
        self.sent_over_the_agent += self._room.playing
        await self._socket.send_bytes(frame)

    def __aiter__(self) -> Any:
        return aiter(self._socket)


async def test_a_spoken_question_is_answered_and_the_agent_does_not_hear_itself(tmp_path: Path) -> None:
    with wave.open(str(QUESTION)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        room = Room(file.readframes(file.getnframes()))
    seen: list[dict[str, Any]] = []
    async with daemon_process(tmp_path, "") as running:
        client = Daemon(Settings(paths=PathSettings(state_dir=running.state_dir)))
        await running.call("PUT", "/v1/sessions/talk")
        query = {"audio": "both", "encoding": "linear16", "sample_rate": str(RATE)}

        answered = asyncio.Event()

        def show(event: dict[str, Any]) -> None:
            seen.append(event)
            if event["type"] == "TurnFinished" and event["data"]["heard"]:
                answered.set()

        async with client.websocket("/v1/sessions/talk/stream", query) as socket, asyncio.TaskGroup() as group:
            counted = Counting(socket, room)
            talking = group.create_task(converse(counted, room, room, show))  # type: ignore[arg-type]
            async with asyncio.timeout(30):
                await answered.wait()
            await running.call("DELETE", "/v1/sessions/talk")
            async with asyncio.timeout(30):
                await talking
    said = [event["data"]["content"] for event in seen if event["type"] == "ConversationText"]
    assert "lamp" in said[-1]
    assert len(room.played) > RATE, "half a second of the reply was heard"
    assert counted.sent > 0
    assert counted.sent_over_the_agent == 0
    assert room.given_while_playing > 0, "the room went on while the agent spoke"
