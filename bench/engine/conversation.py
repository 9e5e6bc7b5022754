"""One conversation as a client has it: everything received with its instant, calls answered at once, playback kept in mind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import numpy as np
import orjson

from agentd.audio.formats import AudioFormat, to_samples
from agentd.engine.providers import LISTEN_RATE, Samples
from agentd.supervise import spawn
from bench.engine.microphone import FRAME_S, NATIVE, Microphone
from bench.engine.process import KEY, EngineProcess

OPEN_S: Final = 10.0

ROOM_DBFS: Final = -70.0
"""Level of the room where nobody says what room it is."""

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """Something the server sent.

    Attributes:
        at: when it was read, by the loop's clock.
        message: parsed text; empty for audio.
        audio: of a binary frame.
    """

    at: float
    message: Event = field(default_factory=dict)
    audio: bytes = b""

    def is_a(self, kind: str, role: str | None = None) -> bool:
        """Whether it is a message of that type, and of that role if one is given."""
        return self.message.get("type") == kind and (role is None or self.message.get("role") == role)


class Refused(Exception):
    """The handshake was turned down."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class Conversation:
    """An open conversation.

    Args:
        socket: after the handshake.
        answers: result of each function by name; "Done." for the others.

    Attributes:
        received: all of it, in order.
        closed: why the server hung up, once it has.
    """

    microphone: Microphone

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, answers: Mapping[str, str]) -> None:
        self._socket = socket
        self._answers = answers
        self._news = asyncio.Event()
        self._playback: list[tuple[float, Samples]] = []
        self._plays_until = 0.0
        self.received: list[Received] = []
        self.closed: str | None = None

    async def send(self, message: Event) -> None:
        """Send a text frame."""
        await self._socket.send_str(orjson.dumps(message).decode())

    def since(self, instant: float) -> list[Received]:
        """What came at or after an instant."""
        return [item for item in self.received if item.at >= instant]

    async def wait(self, wanted: Callable[[Received], bool], *, until: float, since: float = 0.0) -> Received | None:
        """The first item from ``since`` on that is wanted; None when there is none by ``until``, or the server hung up."""
        seen = 0
        try:
            async with asyncio.timeout_at(until):
                while True:
                    for item in self.received[seen:]:
                        seen += 1
                        if item.at >= since and wanted(item):
                            return item
                    if self.closed is not None:
                        return None
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None

    @property
    def plays_until(self) -> float:
        """When the audio received so far is played to its end."""
        return self._plays_until

    def heard_from_loudspeaker(self, instant: float, length: int) -> Samples:
        """What is played during ``length`` samples from an instant on."""
        sound = np.zeros(length, dtype=np.float32)
        for began, samples in reversed(self._playback):
            offset = round((instant - began) * LISTEN_RATE)
            if offset >= len(samples):
                break
            target = slice(max(0, -offset), length)
            part = samples[max(0, offset) : max(0, offset + length)]
            sound[target][: len(part)] += part[: len(sound[target])]
        return sound

    async def read(self) -> None:
        """Take what comes until the server hangs up."""
        loop = asyncio.get_running_loop()
        async for frame in self._socket:
            now = loop.time()
            if frame.type is aiohttp.WSMsgType.BINARY:
                self._play(frame.data, now)
                self.received.append(Received(now, audio=frame.data))
            elif frame.type is aiohttp.WSMsgType.TEXT:
                message = orjson.loads(frame.data)
                self.received.append(Received(now, message))
                if message["type"] == "FunctionCallRequest":
                    await self._answer(message)
                elif message["type"] == "UserStartedSpeaking":
                    self._stop_playing(now)
            self._news.set()
        self.closed = f"closed with {self._socket.close_code}"
        self._news.set()

    async def _answer(self, request: Event) -> None:
        for call in request["functions"]:
            if call["client_side"]:
                content = self._answers.get(call["name"], "Done.")
                await self.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})

    def _play(self, audio: bytes, now: float) -> None:
        samples = to_samples(audio, "linear16")
        begin = max(now, self._plays_until)
        self._plays_until = begin + len(samples) / LISTEN_RATE
        self._playback.append((begin, samples))

    def _stop_playing(self, now: float) -> None:
        self._plays_until = min(self._plays_until, now)
        kept: list[tuple[float, Samples]] = []
        for began, samples in self._playback:
            played = round((now - began) * LISTEN_RATE)
            if played > 0:
                kept.append((began, samples[:played]))
        self._playback = kept


@dataclass(frozen=True, slots=True)
class Caller:
    """How a conversation is begun.

    Attributes:
        functions: declared in its Settings.
        answers: result of each function.
        greeting: what the agent says first.
        room: what the microphone hears all the time.
        hears_itself: the echo path; takes what the loudspeaker plays.
        frame_s: length of a microphone frame.
        audio: format of the user's audio.
    """

    functions: tuple[Event, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    greeting: str | None = None
    room: Samples | None = None
    hears_itself: Callable[["Conversation"], Callable[[float, int], Samples]] | None = None
    frame_s: float = FRAME_S
    audio: AudioFormat = NATIVE

    def settings(self) -> Event:
        """Its Settings message; the agent's audio comes at 16 kHz, so that an echo needs no conversion."""
        agent: Event = {
            "think": {
                "provider": {"type": "open_ai", "model": "any"},
                "prompt": "You are a helpful voice assistant.",
                "functions": list(self.functions),
            }
        }
        if self.greeting is not None:
            agent["greeting"] = self.greeting
        return {
            "type": "Settings",
            "audio": {
                "input": {"encoding": self.audio.encoding, "sample_rate": self.audio.sample_rate},
                "output": {"encoding": "linear16", "sample_rate": LISTEN_RATE, "container": "none"},
            },
            "agent": agent,
        }


@asynccontextmanager
async def conversation(engine: EngineProcess, caller: Caller) -> AsyncIterator[Conversation]:
    """Connect, have the Settings applied, open the microphone.

    Raises:
        Refused: the engine turned the handshake down.
        RuntimeError: the Settings were not applied.
    """
    async with aiohttp.ClientSession(headers={"Authorization": f"Token {KEY}"}) as http:
        try:
            socket = await http.ws_connect(f"{engine.url}/v1/agent/converse", max_msg_size=0, compress=0)
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status, error.headers.get("dg-error", "") if error.headers else "") from error
        talk = Conversation(socket, caller.answers)
        room = caller.room if caller.room is not None else _quiet_room()
        echo = None if caller.hears_itself is None else caller.hears_itself(talk)
        talk.microphone = Microphone(socket.send_bytes, room=room, echo=echo, frame_s=caller.frame_s, audio=caller.audio)
        async with asyncio.TaskGroup() as group:
            tasks = [spawn(group, talk.read(), name="bench:read")]
            await talk.send(caller.settings())
            until = asyncio.get_running_loop().time() + OPEN_S
            if await talk.wait(lambda item: item.is_a("SettingsApplied"), until=until) is None:
                raise RuntimeError(f"no SettingsApplied: {[item.message for item in talk.received]}")
            tasks.append(spawn(group, _stream(talk), name="bench:microphone"))
            try:
                yield talk
            finally:
                for task in reversed(tasks):
                    task.cancel()
                await socket.close()


async def _stream(talk: Conversation) -> None:
    try:
        await talk.microphone.run()
    except (aiohttp.ClientError, ConnectionError):
        talk.closed = talk.closed or "the connection is gone"


def _quiet_room() -> Samples:
    noise = np.random.default_rng(0).standard_normal(10 * LISTEN_RATE)
    return (noise * 10 ** (ROOM_DBFS / 20)).astype(np.float32)
