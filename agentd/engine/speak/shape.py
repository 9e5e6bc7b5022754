"""The sound of a reply around its words: no wait before it, a breath after it, loud enough."""

from typing import Final

import numpy as np

from agentd.engine.providers import Samples

SENTENCE_PAUSE_S: Final = 0.3
CLAUSE_PAUSE_S: Final = 0.1

_AUDIBLE: Final = np.float32(10 ** (-70 / 20))
"""Root mean square of 10 ms that belongs to a word: the softest "f" begins above it, the voice's own silence is at -140 dB."""

_WINDOW_S: Final = 0.01


def shaped(samples: Samples, sample_rate: int, pause_s: float, *, gain: float) -> Samples:
    """Speech without the silence around it, then ``pause_s`` of silence.

    Voices begin with a quarter of a second of nothing, which the user would wait for after every question.
    """
    window = round(sample_rate * _WINDOW_S)
    whole = len(samples) // window * window
    loudness = np.sqrt(np.mean(np.square(samples[:whole].reshape(-1, window)), axis=1))
    audible = np.flatnonzero(loudness > _AUDIBLE)
    if not audible.size:
        return samples[:0]
    first, last = audible[0] * window, (audible[-1] + 1) * window
    speech: Samples = np.pad(samples[first:last] * np.float32(gain), (0, round(pause_s * sample_rate)))
    return speech
