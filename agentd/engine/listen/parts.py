"""Long recordings in parts: the work grows with the square of the length, and models are best at sentences."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from agentd.engine.providers import LISTEN_RATE, Samples, Transcript

LONGEST_S: Final = 12
"""Longest part. Half a minute takes 0.8 s of compute in three parts; in one piece it takes 1.2 s, and 190 MiB more."""

_EARLIEST_S: Final = 6
"""No part is shorter, but the last."""

_PAUSE: Final = LISTEN_RATE // 5
"""Samples of a pause: parts are cut in the middle of the quietest 200 ms."""


def parts(samples: Samples) -> Iterator[Samples]:
    """``samples`` (mono, 16 kHz) in parts of at most 12 s, cut where it is quietest; all of them when there are fewer."""
    while len(samples) > LONGEST_S * LISTEN_RATE:
        first = _EARLIEST_S * LISTEN_RATE
        energy = np.cumsum(np.square(samples[first : LONGEST_S * LISTEN_RATE], dtype=np.float64))
        cut = first + int(np.argmin(energy[_PAUSE:] - energy[:-_PAUSE])) + _PAUSE // 2
        yield samples[:cut]
        samples = samples[cut:]
    yield samples


def joined(transcripts: Sequence[Transcript]) -> Transcript:
    """One transcript of those of all parts, as sure as the least sure of them that has words."""
    spoken = [transcript for transcript in transcripts if transcript.text] or list(transcripts)
    return Transcript(" ".join(part.text for part in spoken).strip(), min(part.confidence for part in spoken))
