"""Many conversations at once: how long each waits, what the machine does, and what becomes of one too many."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.supervise import spawn
from bench.engine.conversation import Caller, Refused, conversation
from bench.engine.figures import Table, spread_cells
from bench.engine.process import EngineProcess
from bench.engine.talker import Line, Talk, talk

KEY: Final = "crowd"

SIZES: Final = {1: 20.0, 4: 20.0, 8: 20.0, 16: 35.0}
"""Conversations at once, and for how long in seconds."""

SPREAD_S: Final = 3.0
"""They begin within so long."""


@dataclass(frozen=True, slots=True)
class Level:
    """So many at once.

    Attributes:
        size: how many.
        talk: what became of all their turns.
        cores: of processor time the engine took, on average.
        client_cores: and the bench itself.
        refusal: of one more, where it was tried.
    """

    size: int
    talk: Talk
    cores: float
    client_cores: float
    refusal: str | None = None


async def measure(engine: EngineProcess, say: Sequence[Line]) -> Table:
    """One size after the other."""
    levels: list[Level] = []
    for size, seconds in SIZES.items():
        level = await together(engine, say, size, seconds, one_more=size == max(SIZES))
        levels.append(level)
        print(f"  {size} at once: {' / '.join(spread_cells(level.talk.waits_ms))}, {level.cores:.2f} cores", flush=True)
    return table(levels)


async def together(engine: EngineProcess, say: Sequence[Line], size: int, seconds: float, *, one_more: bool) -> Level:
    """``size`` conversations for ``seconds``; then, with all still open, one more is tried."""
    loop = asyncio.get_running_loop()
    began, cpu, own = loop.time(), engine.cpu_s(), os.times()
    until = began + seconds
    async with asyncio.TaskGroup() as group:
        rngs = [np.random.default_rng([5, size, number]) for number in range(size)]
        tasks = [
            spawn(group, talk(engine, say, rng, until=until, start_s=float(rng.uniform(0, SPREAD_S))), name=f"bench:talker:{n}")
            for n, rng in enumerate(rngs)
        ]
        await asyncio.sleep(SPREAD_S + 1.0)
        refusal = await _refused(engine) if one_more else None
    now, all_talk = os.times(), Talk()
    for task in tasks:
        all_talk.add(task.result())
    took = loop.time() - began
    client = now.user + now.system - own.user - own.system
    return Level(size, all_talk, (engine.cpu_s() - cpu) / took, client / took, refusal)


async def _refused(engine: EngineProcess) -> str:
    try:
        async with conversation(engine, Caller()):
            return "admitted"
    except Refused as refused:
        return str(refused)


def table(levels: Sequence[Level]) -> Table:
    """Waits and processor time by size."""
    notes = [f"{level.size + 1} at once: {level.refusal}" for level in levels if level.refusal is not None]
    failed = [f"- {level.size} at once: {failure}" for level in levels for failure in level.talk.failures]
    notes += ["Not answered:\n\n" + "\n".join(failed)] if failed else []
    header = (
        "at once",
        "turns",
        "end of speech → first audio: median ms",
        "p95",
        "min",
        "max",
        "failed",
        "engine, cores",
        "client",
    )
    return Table(KEY, "Simultaneous conversations", header, [_row(level) for level in levels], notes)


def _row(level: Level) -> tuple[str, ...]:
    cores = (f"{cores:.2f}" for cores in (level.cores, level.client_cores))
    return (str(level.size), *spread_cells(level.talk.waits_ms), str(len(level.talk.failures)), *cores)
