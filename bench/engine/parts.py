"""Measures the embedded engine over its WebSocket, in parts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.engine import barge_in, crowd, endpointing, resources, turns, words
from bench.engine.clips import Clip, Detector, load_clips
from bench.engine.declared import SPOKEN, is_command
from bench.engine.figures import Table
from bench.engine.process import engine_process
from bench.engine.talker import Line, lines
from bench.engine.voices import Voices


class Bench:
    """What the parts share: the recordings, the detector, the voice; loaded once.

    Args:
        speech: table of recordings.
        settings: of ``[engine]``, where they are not the defaults.
    """

    def __init__(self, speech: Path, settings: Mapping[str, str]) -> None:
        self.settings = settings
        self.clips: list[Clip] = load_clips(speech)
        self.detector = Detector()
        self.voices = Voices()

    def lines(self) -> list[Line]:
        """What talkers say: the recordings that are commands, and those of the synthesised voice."""
        spoken = [self.voices.clip(text) for text in SPOKEN]
        return lines([*filter(is_command, self.clips), *spoken], self.detector)


async def _turns(bench: Bench) -> Table:
    async with engine_process(**bench.settings) as engine:
        return await turns.measure(engine, bench.clips, bench.detector, bench.voices)


async def _endpointing(bench: Bench) -> Table:
    async with engine_process(**bench.settings) as engine:
        return await endpointing.measure(engine, bench.clips, bench.detector)


async def _barge_in(bench: Bench) -> Table:
    async with engine_process(**bench.settings) as engine:
        return await barge_in.measure(engine, bench.clips, bench.detector, bench.voices)


async def _words(bench: Bench) -> Table:
    async with engine_process(**bench.settings) as engine:
        return await words.measure(engine, bench.clips, bench.detector)


async def _crowd(bench: Bench) -> Table:
    async with engine_process(**bench.settings) as engine:
        return await crowd.measure(engine, bench.lines())


async def _resources(bench: Bench) -> Table:
    return await resources.measure(bench.clips, bench.lines(), bench.voices, bench.settings)


PARTS: Final[dict[str, Callable[[Bench], Awaitable[Table]]]] = {
    "turns": _turns,
    "endpointing": _endpointing,
    "barge-in": _barge_in,
    "words": _words,
    "crowd": _crowd,
    "resources": _resources,
}


async def run(names: Sequence[str], bench: Bench, done: Callable[[Table], None]) -> None:
    """Run parts by name, each with an engine of its own; ``done`` takes the table of each."""
    for name in names:
        print(f"\n{name}", flush=True)
        done(await PARTS[name](bench))
