"""Recorded speech: the clips of a table, and where in each the speech is."""

import csv
import itertools
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from agentd.audio.formats import to_samples
from agentd.engine.endpointing import STILL_VOICED, VOICED
from agentd.engine.listen.vad import detectors
from agentd.engine.providers import LISTEN_RATE, VAD_FRAME, Samples, VoiceActivity
from bench.engine.sound import Generator, room_noise

LEAD_S: Final = 0.5
"""Room noise before every clip, so that the detector has settled and the pre-roll is not digital silence."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording.

    Attributes:
        name: of its file, without the ending.
        transcript: its words.
        samples: mono, 16 kHz.
    """

    name: str
    transcript: str
    samples: Samples

    def rng(self, *salt: int) -> Generator:
        """A random generator that is the clip's own, and the same in every run."""
        return np.random.default_rng([zlib.crc32(self.name.encode()), *salt])

    def noise(self, seconds: float, *salt: int) -> Samples:
        """Noise of the clip's own room."""
        return room_noise(self.samples, round(seconds * LISTEN_RATE), self.rng(*salt))


def load_clips(table: Path) -> list[Clip]:
    """The clips of a table with a header and the columns ``file`` (beside it) and ``transcript``."""
    with table.open(encoding="utf-8", newline="") as file:
        return [_load(table.parent / row["file"], row["transcript"]) for row in csv.DictReader(file, delimiter="\t")]


def _load(path: Path, transcript: str) -> Clip:
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (LISTEN_RATE, 1, 2):
            raise SystemExit(f"{path}: 16 bit mono at {LISTEN_RATE} Hz is needed")
        return Clip(path.stem, transcript, to_samples(file.readframes(file.getnframes()), "linear16"))


@dataclass(frozen=True, slots=True)
class Speech:
    """Where there is speech in a sound, by the detector and the thresholds that the engine uses, frame by frame.

    Attributes:
        voiced: for each frame of 512 samples.
    """

    voiced: tuple[bool, ...]

    @property
    def start(self) -> int:
        """First voiced sample; 0 when there is none."""
        return self.voiced.index(True) * VAD_FRAME if any(self.voiced) else 0

    @property
    def end(self) -> int:
        """One past the last voiced sample."""
        return max((number + 1 for number, voiced in enumerate(self.voiced) if voiced), default=0) * VAD_FRAME

    def after_voiced(self, milliseconds: float) -> int | None:
        """One past the sample at which so much voiced sound has been heard; None when there is less."""
        wanted = milliseconds * LISTEN_RATE / 1000
        heard = 0
        for number, voiced in enumerate(self.voiced):
            heard += VAD_FRAME if voiced else 0
            if heard >= wanted:
                return (number + 1) * VAD_FRAME
        return None

    def pauses(self, shortest_ms: float) -> list[tuple[int, int]]:
        """Silences between voiced frames, as sample ranges."""
        frames = [number for number, voiced in enumerate(self.voiced) if voiced]
        pairs = ((a + 1, b) for a, b in itertools.pairwise(frames))
        least = shortest_ms * LISTEN_RATE / 1000
        return [(a * VAD_FRAME, b * VAD_FRAME) for a, b in pairs if (b - a) * VAD_FRAME >= least]


class Detector:
    """Finds speech in sounds."""

    def __init__(self) -> None:
        self._make: Callable[[], VoiceActivity] = detectors()

    def speech(self, samples: Samples) -> Speech:
        """Where there is speech, with a second of silence before and after so that nothing hangs at the edges."""
        stream = self._make()
        padded = np.concatenate((samples, np.zeros(VAD_FRAME - len(samples) % VAD_FRAME, dtype=np.float32)))
        for _ in range(16):
            stream.feed(np.zeros(VAD_FRAME, dtype=np.float32))
        voiced: list[bool] = []
        for start in range(0, len(padded), VAD_FRAME):
            threshold = STILL_VOICED if voiced[-1:] == [True] else VOICED
            voiced.append(stream.feed(padded[start : start + VAD_FRAME]) >= threshold)
        return Speech(tuple(voiced))
