"""What the engine takes: time to start, processor time per second of sound, memory."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.config import EngineSettings
from agentd.engine.load import load_recogniser
from agentd.engine.providers import LISTEN_RATE
from agentd.supervise import spawn
from bench.engine.clips import Clip
from bench.engine.conversation import Caller, conversation
from bench.engine.declared import SPOKEN
from bench.engine.figures import Spread, Table
from bench.engine.process import EngineProcess, engine_process
from bench.engine.talker import Line, talk
from bench.engine.voices import Voices

KEY: Final = "resources"

STARTS: Final = 3

OPEN: Final = 16
"""Conversations whose memory is measured."""

TALKING_S: Final = 8.0

SILENT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MiB: after loading, with one conversation held, with many open, after all are closed."""

    loaded: float
    one: float
    many: float
    after: float

    @property
    def each(self) -> float:
        """What a further conversation takes."""
        return (self.many - self.one) / (OPEN - 1)


async def measure(clips: Sequence[Clip], say: Sequence[Line], voices: Voices, settings: Mapping[str, str]) -> Table:
    """All of it."""
    starts = []
    for _ in range(STARTS):
        async with engine_process(**settings) as engine:
            starts.append(engine.started_s)
    print(f"  started in {', '.join(f'{start:.2f}' for start in starts)} s", flush=True)
    async with engine_process(**settings) as engine:
        memory = await _memory(engine, say)
        silent = await _silent(engine)
    listening, longest = _listening(clips, EngineSettings.model_validate(settings))
    speaking, first = _speaking(voices)
    rows = [
        ("start of the process until it listens", f"{min(starts):.2f} to {max(starts):.2f} s"),
        ("memory after loading", f"{memory.loaded:.0f} MiB"),
        ("memory after one conversation", f"{memory.one:.0f} MiB"),
        (f"memory with {OPEN} conversations that talk", f"{memory.many:.0f} MiB"),
        ("memory per further conversation", f"{memory.each:.1f} MiB"),
        ("memory after all have gone", f"{memory.after:.0f} MiB"),
        ("processor time, a conversation in which nobody speaks", f"{100 * silent:.1f} % of a core"),
        ("speech recognition: compute per second of speech (real-time factor)", f"{listening:.3f}"),
        ("speech recognition: longest for one clip", f"{longest:.0f} ms"),
        ("speech synthesis: compute per second of speech (real-time factor)", f"{speaking:.3f}"),
        ("speech synthesis: first sound of a sentence", _told(first)),
    ]
    return Table(KEY, "Resources", ("what", "measured"), rows)


async def _memory(engine: EngineProcess, say: Sequence[Line]) -> Memory:
    loop = asyncio.get_running_loop()
    loaded = engine.resident_mib()
    await talk(engine, say, np.random.default_rng(6), until=loop.time() + TALKING_S)
    one = engine.resident_mib()
    async with asyncio.TaskGroup() as group:
        for number in range(OPEN):
            rng = np.random.default_rng([6, number])
            spawn(group, talk(engine, say, rng, until=loop.time() + TALKING_S), name=f"bench:memory:{number}")
        await asyncio.sleep(TALKING_S)
        many = engine.resident_mib()
    return Memory(loaded, one, many, engine.resident_mib())


async def _silent(engine: EngineProcess) -> float:
    """Share of a core taken by a conversation whose user is silent."""
    async with conversation(engine, Caller()):
        await asyncio.sleep(1.0)
        cpu, began = engine.cpu_s(), time.perf_counter()
        await asyncio.sleep(SILENT_S)
        return (engine.cpu_s() - cpu) / (time.perf_counter() - began)


def _listening(clips: Sequence[Clip], settings: EngineSettings) -> tuple[float, float]:
    """Compute per second of sound, and the longest of one clip in ms."""
    recogniser = load_recogniser(settings.recogniser)
    taken = []
    for clip in clips:
        began = time.perf_counter()
        recogniser.transcribe(clip.samples)
        taken.append(time.perf_counter() - began)
    return sum(taken) * LISTEN_RATE / sum(len(clip.samples) for clip in clips), 1000 * max(taken)


def _speaking(voices: Voices) -> tuple[float, list[float]]:
    """Compute per second of sound, and the time to the first sound of each sentence in ms."""
    taken = sound = 0.0
    first: list[float] = []
    for text in SPOKEN:
        began = time.perf_counter()
        for number, seconds in enumerate(voices.pieces(text)):
            if number == 0:
                first.append(1000 * (time.perf_counter() - began))
            sound += seconds
        taken += time.perf_counter() - began
    return taken / sound, first


def _told(values: Sequence[float]) -> str:
    spread = Spread.of(values)
    return "-" if spread is None else f"median {spread.median:.0f} ms, at most {spread.most:.0f} ms"
