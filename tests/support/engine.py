"""The real engine with made-up models: what it hears, thinks and speaks is the test's to say, its timing and order are real."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agentd.config import EngineSettings
from agentd.engine.compute import Compute
from agentd.engine.conversation import Conversation
from agentd.engine.line import Line
from agentd.engine.listen.energy import EnergyVad
from agentd.engine.providers import (
    Call,
    CallMade,
    Ending,
    Providers,
    Samples,
    Say,
    Thinker,
    ThinkEvent,
    ThinkRequest,
    Transcript,
    UserText,
    Voice,
)
from agentd.engine.reception import always
from agentd.engine.serving import serving
from tests.support.agent_client import AgentClient, agent_client

KEY = "the-engine's-key"
RATE = 16_000
LAMP = {"name": "set_light", "description": "Switch the lamp.", "parameters": {"type": "object", "properties": {}}}


def speech(seconds: float, *, level: float = 0.2, rate: int = RATE) -> bytes:
    """Something that sounds like speech to a detector of loudness, as linear16."""
    samples = level * np.sin(2 * np.pi * 180 * np.arange(round(seconds * rate)) / rate)
    return (samples * 32767).astype("<i2").tobytes()


def silence(seconds: float, *, rate: int = RATE) -> bytes:
    """Digital silence, as linear16."""
    return bytes(2 * round(seconds * rate))


@dataclass
class MadeUpEar:
    """Recognises what it was told to, one text per utterance."""

    texts: list[str] = field(default_factory=list)
    heard_s: list[float] = field(default_factory=list)
    vocabularies: list[tuple[str, ...]] = field(default_factory=list)
    say_next: str | Callable[[float], str] = "hello"
    """A text, or the text for so many seconds of audio."""

    def transcribe(self, samples: Samples, vocabulary: tuple[str, ...] = ()) -> Transcript:
        """The text set for now."""
        self.heard_s.append(len(samples) / RATE)
        self.vocabularies.append(vocabulary)
        said = self.say_next if isinstance(self.say_next, str) else self.say_next(len(samples) / RATE)
        return Transcript(said)


class MadeUpVoice:
    """Speaks each word as a hiss of fixed length, which no test's speech sounds like."""

    sample_rate = 24_000

    def __init__(self, word_s: float = 0.1) -> None:
        self.word_s = word_s

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        """One array per word."""
        hiss = np.random.default_rng(len(text))
        for _ in text.split():
            yield hiss.uniform(-0.1, 0.1, round(self.word_s / speed * self.sample_rate)).astype(np.float32)


@dataclass
class MadeUpMind:
    """Thinks by a function of the last message; notes every request."""

    answer: Callable[[ThinkRequest], list[ThinkEvent | float]]
    requests: list[ThinkRequest] = field(default_factory=list)

    async def think(self, request: ThinkRequest) -> AsyncIterator[ThinkEvent]:
        """The events, a number being a pause in seconds."""
        self.requests.append(request)
        for event in self.answer(request):
            if isinstance(event, float):
                await asyncio.sleep(event)
            else:
                yield event


def lamp_mind(request: ThinkRequest) -> list[ThinkEvent | float]:
    """Calls ``set_light`` for whatever has "lamp" in it, says results, repeats the rest."""
    last = request.messages[-1]
    if isinstance(last, CallMade):
        return [Say(f"Done: {last.result}")]
    text = last.text if isinstance(last, UserText) else ""
    return [Call("set_light", {"on": True})] if "lamp" in text else [Say(f"You said {text}")]


@dataclass
class MadeUp:
    """A running engine and its made-up models."""

    url: str
    ear: MadeUpEar
    voice: MadeUpVoice
    mind: MadeUpMind

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[AgentClient]:
        """A connection with the key."""
        async with agent_client(self.url, KEY, **options) as client:
            yield client


@asynccontextmanager
async def made_up_engine(
    answer: Callable[[ThinkRequest], list[ThinkEvent | float]] = lamp_mind,
    *,
    word_s: float = 0.1,
    voices: tuple[Voice, ...] = (),
    thinker: Callable[[dict[str, Any]], Thinker] | None = None,
    allowed_endpoints: tuple[str, ...] = (),
    ending: Callable[[str, ThinkRequest], Ending] = lambda _text, _request: Ending.OPEN,
    **limits: Any,
) -> AsyncIterator[MadeUp]:
    """Serve conversations with made-up models; ``limits`` go into the ``[engine]`` section, ``thinker`` replaces the mind, and
    ``voices`` are there beside the built-in one.

    Audio is not paced by default: tests of other things need not wait for it to be played.
    """
    ear, voice, mind = MadeUpEar(), MadeUpVoice(word_s), MadeUpMind(answer)
    providers = Providers(ear, EnergyVad, voice, thinker or (lambda _: mind), ending, voices=voices)
    settings = EngineSettings(**({"audio_ahead_s": 60.0, "endpointing_ms": 500} | limits))
    compute = Compute(settings.threads)

    def dialogue(line: Line, document: dict[str, Any]) -> Conversation:
        return Conversation(
            line,
            document,
            providers=providers,
            compute=compute,
            limits=settings,
            allowed_endpoints=allowed_endpoints,
        )

    try:
        async with serving(
            always(dialogue),
            settings,
            KEY,
        ) as address:
            yield MadeUp(f"ws://{address}", ear, voice, mind)
    finally:
        compute.close()


def with_lamp(**agent: Any) -> Mapping[str, Any]:
    """The parts of ``agent`` that declare the lamp."""
    think = {"provider": {"type": "open_ai", "model": "matcher"}, "prompt": "Be brief.", "functions": [LAMP]}
    return {"think": think} | agent
