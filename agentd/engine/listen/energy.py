"""Voice activity by energy, for machines without the Silero model: anything well above the background is speech.

The background is the quietest frame of the last three seconds (minimum statistics, after R. Martin, "Noise power spectral
density estimation", 2001): speech has a pause within that time, a fan has none. Good in a quiet room; noise that comes
and goes is taken for speech.
"""

import math
from collections import deque
from typing import Final

import numpy as np

from agentd.engine.providers import LISTEN_RATE, VAD_FRAME, Samples

_MEMORY: Final = 3 * LISTEN_RATE // VAD_FRAME
"""Frames in which the background is looked for."""

_QUIETEST_DB: Final = -60.0
"""No background is taken to be quieter than this (dBFS): after digital silence a whisper of noise is not speech."""

_LOUDEST_DB: Final = -35.0
"""Nor louder, or a stream that begins in mid-speech would not be heard until its first pause."""

_ABOVE_DB: Final = 11.0
"""How far above the background the odds are even."""

_STEEPNESS: Final = 0.6
"""Logistic slope per dB: 5 dB more or less make it certain."""


class EnergyVad:
    """One conversation's detector. Implements ``VoiceActivity``."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=_MEMORY)

    def feed(self, samples: Samples) -> float:
        """Probability of speech in the next 512 samples (mono, 16 kHz)."""
        level = 10 * math.log10(float(np.dot(samples, samples)) / len(samples) + 1e-12)
        self._levels.append(level)
        background = min(max(min(self._levels), _QUIETEST_DB), _LOUDEST_DB)
        return 1 / (1 + math.exp(-_STEEPNESS * (level - background - _ABOVE_DB)))
