"""Finds gaps between words in recordings, where a speaker might pause: makes ``word_gaps.tsv``.

    python -m bench.engine.gaps path/to/clips.tsv

A gap is a dip of energy well inside speech. Dips inside words (before a "t", say) are told apart by the recogniser: what is
before the dip must be heard to end, and what is after it to begin, with the words that meet there, and both with hardly more
errors than the whole clip. The table is kept beside this file, so that the set does not change with the recogniser.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.providers import LISTEN_RATE, Samples
from bench.engine.clips import Clip, Detector, load_clips
from bench.engine.declared import is_command
from bench.engine.sound import count, joined, room_noise
from bench.wer import errors, words

TABLE: Final = Path(__file__).with_name("word_gaps.tsv")

INSIDE_MS: Final = 150
"""Speech there must be before and after a gap."""

OWN_PAUSE_MS: Final = 150
"""Where the speaker is silent for so long already, a pause put in would not have the length it is said to have."""

APART_MS: Final = 120
"""Between two gaps of one clip."""

TRIED: Final = 25
"""Dips of a clip that are looked at, the deepest first."""

MORE_ERRORS: Final = 1
"""Halves are harder to hear than the whole."""

OF_A_COMMAND: Final = 3
OF_OTHERS: Final = 1
"""Gaps taken of one clip: most of commands, for they are the ones whose turns end soon."""

_WINDOW_MS: Final = 20


@dataclass(frozen=True, slots=True)
class Gap:
    """A place between two words.

    Attributes:
        clip: its name.
        at: sample of the clip.
        before: the words before it.
    """

    clip: str
    at: int
    before: str


def load_gaps(path: Path = TABLE) -> list[Gap]:
    """The gaps that were found."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Gap(row["clip"], int(row["sample"]), row["before"]) for row in csv.DictReader(file, delimiter="\t")]


def main() -> None:
    """Find and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    finder = Finder()
    gaps = [gap for clip in load_clips(parser.parse_args().clips) for gap in finder.gaps(clip)]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(("clip", "sample", "before"))
        table.writerows((gap.clip, gap.at, gap.before) for gap in gaps)
    print(f"{len(gaps)} gaps in {len({gap.clip for gap in gaps})} clips")


class Finder:
    """Looks for gaps."""

    def __init__(self) -> None:
        self._recogniser = Moonshine()
        self._detector = Detector()

    def gaps(self, clip: Clip) -> list[Gap]:
        """The deepest gaps of a clip, in order of time."""
        found: list[Gap] = []
        wanted = OF_A_COMMAND if is_command(clip) else OF_OTHERS
        allowed, _ = errors(clip.transcript, self._hear(clip, 0, len(clip.samples)))
        for at in self._dips(clip):
            if len(found) == wanted:
                break
            before = self._before(clip, at, allowed)
            if before and before not in {gap.before for gap in found}:
                found.append(Gap(clip.name, at, before))
        return sorted(found, key=lambda gap: gap.at)

    def _dips(self, clip: Clip) -> Iterator[int]:
        speech = self._detector.speech(clip.samples)
        first, last = speech.start + count(INSIDE_MS), speech.end - count(INSIDE_MS)
        own = speech.pauses(OWN_PAUSE_MS)
        for at in dips(clip.samples, first, last)[:TRIED]:
            if not any(start <= at <= end for start, end in own):
                yield at

    def _before(self, clip: Clip, at: int, allowed: int) -> str | None:
        """The words before the sample; None when it is inside one."""
        said = clip.transcript.split()
        start, rest = self._hear(clip, 0, at), self._hear(clip, at, len(clip.samples))
        for number in range(1, len(said)):
            before, after = " ".join(said[:number]), " ".join(said[number:])
            meet = words(start)[-1:] == words(before)[-1:] and words(rest)[:1] == words(after)[:1]
            if meet and errors(before, start)[0] + errors(after, rest)[0] <= allowed + MORE_ERRORS:
                return before
        return None

    def _hear(self, clip: Clip, start: int, end: int) -> str:
        noise = room_noise(clip.samples, LISTEN_RATE // 2, clip.rng(start, end))
        return self._recogniser.transcribe(joined([noise, clip.samples[start:end], noise])).text


def dips(samples: Samples, first: int, last: int) -> list[int]:
    """Samples between ``first`` and ``last`` at which the energy is least around them, the deepest first, ``APART_MS`` apart."""
    half = count(_WINDOW_MS) // 2
    power = np.convolve(np.square(samples, dtype=np.float64), np.ones(2 * half) / (2 * half), mode="same")
    chosen: list[int] = []
    step = count(5)
    for at in sorted(range(first, last, step), key=lambda sample: power[sample]):
        if all(abs(at - other) >= count(APART_MS) for other in chosen) and _is_least(power, at, half):
            chosen.append(at)
    return chosen


def _is_least(power: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], at: int, half: int) -> bool:
    return bool(power[at] <= 1.05 * np.min(power[max(0, at - 2 * half) : at + 2 * half]))


if __name__ == "__main__":
    main()
