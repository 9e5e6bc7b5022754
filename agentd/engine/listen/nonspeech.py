"""What is no speech: sounds that are not worth recognising, and what a recogniser invents when it is given one.

The voice activity detector lets very little of it pass; this is the second gate, and the first where speech is told by loudness.
Thresholds lie between 650 synthetic noises (white to brown, hum, clicks, coughs, knocks, breath, typing, tones, chirps,
melodies) and recorded commands, clean and in noise.
"""

import re
from typing import Final

import numpy as np

from agentd.engine.providers import Samples

_WINDOW: Final = 512
_HOP: Final = 256
_BAND: Final = slice(3, 200)
"""Bins from 94 Hz to 6 kHz."""

_QUIETEST: Final = 1e-3
"""Frames that far below the loudest (30 dB) tell nothing."""

_ONE_PEAK: Final = 0.8
"""Share of a frame's energy within three bins of its peak, from which it is a whistle or a thud."""

_MOSTLY: Final = 0.92
"""Share of such frames: synthetic speech has up to 0.83, recorded speech 0.68, sweeps and knocks have 0.84 to 1."""

_UNCHANGING: Final = 0.975
"""Likeness of the spectra of all frames: speech and noise have at most 0.92, a mains hum 0.97, a held tone 1."""

_SURE: Final = 0.4
"""Least confidence; wrong words in noise have less."""

_SURE_OF_A_WORD: Final = 0.5
"""Least confidence in one or two words, which noises are heard as more often than as sentences."""

_SURE_OF_A_SOUND: Final = 0.65
"""Least confidence in a word that noises are heard as."""

_SILENCE: Final = frozenset({"", "you"})
"""What silence and noise are heard as. Nobody says just that to an agent."""

_SOUNDS: Final = frozenset("thank you|uh|oh|why|what|no|yeah|yay|or|and|so|mm|mm-hmm|hmm|hello|bye".split("|"))
"""What breath and tones are heard as."""

_SUBTITLES: Final = re.compile(r"©|[♪♫]|thank(?:s| you) for watching", re.IGNORECASE)
"""How subtitles begin that nobody spoke: recognisers have learned from them."""

_SHORTEST_PHRASE: Final = 2
"""Words that are repeated by mistake; one alone may be meant: "no, no, no"."""


def is_tone(samples: Samples) -> bool:
    """Whether this is a tone, a whistle, a sweep or a knock, and surely no speech. ``samples``: mono, 16 kHz."""
    if len(samples) < 4 * _WINDOW:
        return False
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hanning(_WINDOW).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))[:, _BAND]
    energy = power.sum(axis=1)
    loud = energy > max(_QUIETEST * float(energy.max()), 1e-12)
    if loud.sum() < 4:
        return False
    power, energy = power[loud], energy[loud]
    spectra = np.sqrt(power / energy[:, np.newaxis])
    if np.linalg.norm(spectra.mean(axis=0)) > _UNCHANGING:
        return True
    near = np.abs(np.arange(power.shape[1]) - power.argmax(axis=1)[:, np.newaxis]) <= 3
    peaks = (power * near).sum(axis=1) / energy
    return float(np.mean(peaks > _ONE_PEAK)) > _MOSTLY


def once(text: str) -> str:
    """``text`` up to where it says something over and over: a phrase for the third time, or itself for the second.

    A decoder that has lost the sound repeats itself to the end; a person seldom does.
    """
    words = text.split()
    plain = [word.strip(".,?!").lower() for word in words]
    for begin in range(len(words)):
        for size in range(_SHORTEST_PHRASE, (len(words) - begin) // 2 + 1):
            first, second, third = (plain[begin + size * turn : begin + size * (turn + 1)] for turn in range(3))
            if first == second and (third == first or (begin == 0 and size > _SHORTEST_PHRASE)):
                return " ".join(words[: begin + size])
    return text


def is_invented(text: str, confidence: float) -> bool:
    """Whether a transcript is what a recogniser makes of noise: no words, words nobody says alone, or words it doubts."""
    words = " ".join(text.lower().split()).strip(" .,?!")
    if words in _SILENCE or _SUBTITLES.match(text) or not any(letter.isalnum() for letter in words):
        return True
    if words in _SOUNDS:
        return confidence < _SURE_OF_A_SOUND
    return confidence < (_SURE_OF_A_WORD if len(words.split()) <= 2 else _SURE)
