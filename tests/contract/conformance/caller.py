"""What the conformance suite says to a server, and how it waits for what comes back."""

import asyncio
import json
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agentd.audio.formats import AudioFormat
from agentd.audio.resample import Converter
from tests.support.agent_client import AUDIO, SETTINGS, AgentClient, Item

ROOT = Path(__file__).parents[3]
LAMP_CLIP = ROOT / "agentd/demo/question.wav"
"""A recording: "turn on the living room lamp"."""
LAMP_SPOKEN = "turn on the living room lamp"
TIME_CLIP = ROOT / "tests/data/speech/what_time_is_it.wav"
"""A recording: "what time is it"."""

SET_LAMP: dict[str, Any] = {
    "name": "set_lamp",
    "description": "Switch the lamp of a room on or off.",
    "parameters": {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["living room", "kitchen"], "description": "Where the lamp is."},
            "on": {"type": "boolean", "description": "True switches it on, false off."},
        },
        "required": ["room", "on"],
    },
}
WATER_PLANTS: dict[str, Any] = {
    "name": "water_plants",
    "description": "Water the plants.",
    "parameters": {"type": "object", "properties": {}},
}
TYPED = "Turn off the kitchen lamp."
"""Makes a mind call ``set_lamp``."""
CALLED = {"room": "kitchen", "on": False}
"""With these arguments."""
RESULT = "It is off."
GREETING = "Hello there!"
LONG = (
    "Once upon a time there was a lighthouse keeper who wrote down every ship that passed, its name, its colour and the "
    "weather of the day, and who read the whole list to the gulls on the first evening of each year."
)
"""Takes ten seconds to say."""

UNASKED = ("History", "LatencyReport", "EndOfTurn", "AgentThinking", "Warning")
"""Messages that inform: servers send them or not, and no client acts on them."""

STILL = "Yes."
"""Said to show that the conversation goes on."""

KEEP_ALIVE_S = 1.0
WAIT_S = 15.0
"""Bound of every wait for something a server has to work for."""


def think(*functions: dict[str, Any]) -> dict[str, Any]:
    """A think block with these functions."""
    return {
        "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
        "prompt": "You run a house with the functions you have. Be brief.",
        "functions": list(functions),
    }


def document(*functions: dict[str, Any], **agent: Any) -> dict[str, Any]:
    """Settings with these functions (``set_lamp`` when none is given) and these parts of ``agent``."""
    return SETTINGS | {"agent": {"think": think(*(functions or (SET_LAMP,))), **agent}}


def clip(path: Path, *, encoding: str = "linear16", rate: int = 16_000) -> bytes:
    """The samples of a recording (16 kHz, mono) in an input format."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        samples = file.readframes(file.getnframes())
    return Converter(AudioFormat("linear16", 16_000), AudioFormat(encoding, rate)).feed(samples, last=True)  # type: ignore[arg-type]


class Caller(AgentClient):
    """A client of the suite.

    Attributes:
        keeps_alive: send KeepAlive while it waits, as clients do that have no microphone.
    """

    keeps_alive = True

    async def until(self, what: str | Callable[[Item], bool], *, timeout: float = 30.0, after: int = 0) -> dict[str, Any]:  # noqa: ASYNC109
        """As ``AgentClient.until``, keeping the connection alive meanwhile."""
        left = timeout
        while self.keeps_alive and self.of_type("SettingsApplied") and left > KEEP_ALIVE_S:
            try:
                return await super().until(what, timeout=KEEP_ALIVE_S, after=after)
            except AssertionError:
                if self.close_code is not None:
                    raise
                await self.send({"type": "KeepAlive"})
                left -= KEEP_ALIVE_S
        return await super().until(what, timeout=left, after=after)

    async def begin(self, message: dict[str, Any] | None = None, **agent: Any) -> None:
        """Send Settings (``document(**agent)`` unless given) and wait until they are applied."""
        await self.send(message if message is not None else document(**agent))
        await self.until("SettingsApplied", timeout=WAIT_S)

    async def write(self, text: str) -> None:
        """Have the agent answer a text."""
        await self.send({"type": "InjectUserMessage", "content": text})

    async def inject(self, text: str, **fields: Any) -> None:
        """Have the agent say a text."""
        await self.send({"type": "InjectAgentMessage", "message": text, **fields})

    async def asked(self, *, after: int = 0) -> dict[str, Any]:
        """The next function the server asks this client for."""
        request = await self.until("FunctionCallRequest", timeout=WAIT_S, after=after)
        (call,) = request["functions"]
        assert isinstance(call, dict)
        return call

    async def answer(self, call: dict[str, Any], content: str = RESULT) -> None:
        """Answer a call."""
        await self.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})

    async def says(self, text: str, *, after: int = 0) -> dict[str, Any]:
        """The agent says exactly this."""
        wanted = ("ConversationText", "assistant", text)
        return await self.until(lambda item: _words(item) == wanted, timeout=WAIT_S, after=after)

    async def heard(self, *, after: int = 0) -> str:
        """The next words of the user, as the server understood them: in small letters, without the full stop."""
        text = await self.until(lambda item: (_words(item) or ("", ""))[1] == "user", timeout=WAIT_S, after=after)
        return str(text["content"]).lower().strip(" .!?")

    async def done(self, *, after: int = 0) -> None:
        """The agent has said what it had to say."""
        await self.until("AgentAudioDone", timeout=WAIT_S, after=after)

    async def first_audio(self, *, after: int = 0) -> None:
        """The agent's audio begins to come."""
        at = after
        try:
            async with asyncio.timeout(WAIT_S):
                while not any(isinstance(item, bytes) for item in self.items[at:]):
                    at = len(self.items)
                    assert await self._receive(), f"closed with {self.close_code}: {self.kinds()}"
        except TimeoutError:
            raise AssertionError(f"no audio in {WAIT_S} s; got {self.kinds()}") from None

    async def warned(self, *codes: str, after: int = 0) -> None:
        """A Warning comes, with one of these codes if there are any."""

        def fits(item: Item) -> bool:
            return isinstance(item, dict) and item["type"] == "Warning" and (not codes or item["code"] in codes)

        warning = await self.until(fits, timeout=WAIT_S, after=after)
        assert warning["description"], warning

    async def error(self) -> str:
        """The code of the Error the conversation ends with, after which the server closes."""
        error = await self.until("Error", timeout=WAIT_S)
        assert error["description"], error
        assert isinstance(error["code"], str)
        await self.closed(timeout=WAIT_S)
        assert self.items[-1] == error, "nothing follows an Error"
        assert self.close_code not in (None, 1006), "the server closes, it does not vanish"
        return error["code"]

    async def alive(self) -> None:
        """The conversation goes on: a text is answered."""
        at = len(self.items)
        await self.inject(STILL, behavior="queue")
        await self.says(STILL, after=at)
        await self.done(after=self.index("ConversationText", after=at))

    @asynccontextmanager
    async def microphone(self, *pieces: bytes, encoding: str = "linear16", rate: int = 16_000) -> AsyncIterator[None]:
        """Send these pieces of audio, then silence, in real time, while the block runs."""
        width = 2 if encoding == "linear16" else 1
        quiet = {"linear16": b"\0\0", "mulaw": b"\xff", "alaw": b"\xd5"}[encoding]
        step = rate * width // 50

        async def stream() -> None:
            loop = asyncio.get_running_loop()
            sound, begin, sent = b"".join(pieces), loop.time(), 0
            while True:
                piece = sound[sent * step : (sent + 1) * step]
                await self.send_audio(piece + quiet * ((step - len(piece)) // width))
                sent += 1
                await asyncio.sleep(max(0.0, begin + sent / 50 - loop.time()))  # the pace of a microphone

        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(stream(), name="microphone")
            try:
                yield
            finally:
                speaking.cancel()

    def index(self, kind: str, *, after: int = 0) -> int:
        """Position of the first item of a kind (a type, or "~" for audio) from ``after`` on."""
        return next(at for at, item in enumerate(self.items) if at >= after and kind_of(item) == kind)

    def order(self, *, after: int = 0, without: tuple[str, ...] = UNASKED) -> list[str]:
        """The kinds from a position on, texts with their role, a run of audio as one "~"."""
        kinds: list[str] = []
        for item in self.items[after:]:
            kind = kind_of(item)
            if kind in without or (kind == AUDIO and kinds[-1:] == [AUDIO]):
                continue
            kinds.append(f"{kind}:{item['role']}" if isinstance(item, dict) and kind == "ConversationText" else kind)
        return kinds

    def gap_ms(self, first: Callable[[Item], bool], *, after: int = 0) -> float:
        """Between the arrival of the first item that fits and of the one after it."""
        at = next(at for at, item in enumerate(self.items) if at >= after and first(item))
        return (self.times[at + 1] - self.times[at]) * 1000


def kind_of(item: Item) -> str:
    """Its type; "~" for audio."""
    return AUDIO if isinstance(item, bytes) else str(item["type"])


def _words(item: Item) -> tuple[str, str, str] | None:
    if isinstance(item, dict) and item["type"] == "ConversationText":
        return "ConversationText", item["role"], item["content"]
    return None


def arguments(call: dict[str, Any]) -> dict[str, Any]:
    """Of a call: they travel as a JSON text."""
    assert isinstance(call["arguments"], str), "arguments are a JSON text"
    parsed = json.loads(call["arguments"])
    assert isinstance(parsed, dict)
    return parsed
