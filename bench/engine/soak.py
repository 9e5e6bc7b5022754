"""Conversations for a long time: does every turn get its answer, does memory stay flat, is anything left?

    python -m bench.engine.soak [--minutes 30] [--conversations 4] [--hold 120] [--speech path/to/clips.tsv] [--write FILE]

Half of the callers hold one conversation all the time, the others hang up every ``--hold`` seconds and call again. They speak
commands in the engine's own voice, and with ``--speech`` the recordings too. Figures are printed as JSON. Exit status 1 when
a turn failed, or a conversation, a descriptor or a thread is left at the end; memory is for the reader to judge.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import uvloop

from agentd.supervise import spawn
from bench.engine.clips import Detector, load_clips
from bench.engine.declared import SPOKEN, is_command
from bench.engine.figures import Spread, Table, slope
from bench.engine.process import EngineProcess, engine_process
from bench.engine.report import write
from bench.engine.talker import Line, Talk, lines, talk
from bench.engine.voices import Voices

SAMPLE_S: Final = 5.0
"""Between two looks at the process."""

WARM_UP: Final = 0.2
"""Share of the time that does not count for the slope: caches fill, allocators take what they will keep."""

LEAVE_S: Final = 10.0
"""How long conversations may take to be gone."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine at a moment: seconds since the start, MiB, counts."""

    at_s: float
    resident_mib: float
    descriptors: int
    threads: int
    conversations: int


@dataclass(slots=True)
class Soak:
    """Everything that was seen.

    Attributes:
        before: the engine before the first call.
        after: and once all have hung up.
        samples: in between.
        talk: what became of all turns.
        calls: conversations held.
    """

    before: Sample
    after: Sample | None = None
    samples: list[Sample] = field(default_factory=list)
    talk: Talk = field(default_factory=Talk)
    calls: int = 0

    def left(self) -> dict[str, int]:
        """What the end has more than the start; threads that a pool keeps for its next job are had after the first turn."""
        if self.after is None:
            raise AssertionError("asked before the end")
        warm = max((sample.threads for sample in self.samples[:3]), default=self.before.threads)
        return {
            "conversations": self.after.conversations,
            "descriptors": max(0, self.after.descriptors - self.before.descriptors),
            "threads": max(0, self.after.threads - warm),
        }

    def report(self) -> dict[str, Any]:
        """Figures for a reader and a test."""
        counted = self.samples[int(WARM_UP * len(self.samples)) :]
        memory = [sample.resident_mib for sample in counted]
        half = len(memory) // 2
        waits = Spread.of(self.talk.waits_ms)
        per_hour = 3600 * slope([(sample.at_s, sample.resident_mib) for sample in counted])
        return {
            "turns": len(self.talk.waits_ms),
            "failed": len(self.talk.failures),
            "first_failures": self.talk.failures[:5],
            "conversations": self.calls,
            "wait_ms": None if waits is None else {name: round(value) for name, value in asdict(waits).items()},
            "memory_mib": {
                "before": round(self.before.resident_mib, 1),
                "median_first_half": round(statistics.median(memory[:half] or memory), 1),
                "median_second_half": round(statistics.median(memory[half:]), 1),
                "after": round(self.after.resident_mib, 1) if self.after is not None else None,
                "slope_per_hour": round(per_hour, 1),
            },
            "descriptors": sorted({sample.descriptors for sample in counted}),
            "threads": sorted({sample.threads for sample in counted}),
            "left": self.left(),
        }


def table(figures: dict[str, Any], *, minutes: float, conversations: int) -> Table:
    """The figures for a document."""
    memory, waits = figures["memory_mib"], figures["wait_ms"] or dict.fromkeys(("median", "p95", "most"), "-")
    halves = f"{memory['median_first_half']} MiB, {memory['median_second_half']} MiB"
    rows = [
        ("conversations at once, minutes", f"{conversations}, {minutes:g}"),
        ("conversations held, turns", f"{figures['conversations']}, {figures['turns']}"),
        ("turns that failed", str(figures["failed"])),
        ("end of speech → first audio: median, p95, max", f"{waits['median']}, {waits['p95']}, {waits['most']} ms"),
        ("memory before and after", f"{memory['before']} MiB, {memory['after']} MiB"),
        ("memory, median of the first and of the second half", halves),
        ("slope after the warm-up", f"{memory['slope_per_hour']} MiB per hour"),
        ("descriptors, threads", f"{_range(figures['descriptors'])}, {_range(figures['threads'])}"),
        ("left: conversations, descriptors, threads", ", ".join(str(count) for count in figures["left"].values())),
    ]
    return Table("soak", "Soak", ("what", "measured"), rows)


def _range(counts: Sequence[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(*counts)


async def soak(engine: EngineProcess, say: Sequence[Line], *, seconds: float, conversations: int, hold_s: float) -> Soak:
    """Talk for so long, then look at what is left."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with aiohttp.ClientSession(engine.url.replace("ws", "http", 1)) as http:

        async def look() -> Sample:
            async with http.get("/healthz") as response:
                count = (await response.json())["conversations"]
            return Sample(loop.time() - began, engine.resident_mib(), engine.descriptors(), engine.threads(), count)

        result = Soak(await look())
        async with asyncio.TaskGroup() as group:
            tasks = [
                spawn(group, _caller(engine, say, number, began + seconds, hold_s), name=f"bench:caller:{number}")
                for number in range(conversations)
            ]
            while not all(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=SAMPLE_S)
                result.samples.append(await look())
                _tell(result.samples[-1])
        for task in tasks:
            calls, talked = task.result()
            result.calls += calls
            result.talk.add(talked)
        result.after = await look()
        until = loop.time() + LEAVE_S
        while any(result.left().values()) and loop.time() < until:
            await asyncio.sleep(0.2)
            result.after = await look()
    return result


async def _caller(engine: EngineProcess, say: Sequence[Line], number: int, until: float, hold_s: float) -> tuple[int, Talk]:
    """One caller: every second one hangs up every ``hold_s`` seconds."""
    loop = asyncio.get_running_loop()
    rng = np.random.default_rng([8, number])
    calls, talked = 0, Talk()
    await asyncio.sleep(float(rng.uniform(0, 2)))
    while loop.time() < until:
        end = until if number % 2 == 0 else min(until, loop.time() + hold_s)
        talked.add(await talk(engine, say, rng, until=end))
        calls += 1
    return calls, talked


def _tell(sample: Sample) -> None:
    facts = f"{sample.resident_mib:.1f} MiB, {sample.descriptors} descriptors, {sample.threads} threads"
    print(f"  {sample.at_s:5.0f} s: {facts}, {sample.conversations} conversations", file=sys.stderr, flush=True)


async def run(*, seconds: float, conversations: int, hold_s: float, speech: Path | None) -> dict[str, Any]:
    """With an engine of its own."""
    voices = Voices()
    clips = [voices.clip(text) for text in SPOKEN]
    if speech is not None:
        clips += filter(is_command, load_clips(speech))
    say = lines(clips, Detector())
    async with engine_process() as engine:
        return (await soak(engine, say, seconds=seconds, conversations=conversations, hold_s=hold_s)).report()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--conversations", type=int, default=4)
    parser.add_argument("--hold", type=float, default=120.0, help="seconds after which every second caller calls again")
    parser.add_argument("--speech", type=Path, help="table of recordings")
    parser.add_argument("--write", type=Path, help="Markdown file whose table is replaced by this")
    given = parser.parse_args()
    figures = uvloop.run(
        run(seconds=60 * given.minutes, conversations=given.conversations, hold_s=given.hold, speech=given.speech)
    )
    print(json.dumps(figures, indent=2))
    if given.write is not None:
        write(given.write, [table(figures, minutes=given.minutes, conversations=given.conversations)])
    return int(bool(figures["failed"] or any(figures["left"].values())))


if __name__ == "__main__":
    sys.exit(main())
