"""Steady noise made softer before recognition: a fan, a hum, the hiss of a line.

A Wiener filter with a decision-directed estimate of the signal (Y. Ephraim, D. Malah, "Speech enhancement using a minimum
mean-square error short-time spectral amplitude estimator", 1984), held back: recognisers know noise, and what a filter
that goes all the way leaves of it they do not. In white noise at 10 dB it saves one wrong word of ten; a
quiet recording is left as it is.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agentd.engine.providers import Samples

_WINDOW: Final = 512
_HOP: Final = 128
"""Samples: 32 ms every 8 ms."""

_SMOOTHED: Final = 8
"""Frames over which power is averaged before noise is looked for in it."""

_QUIET: Final = 0.15
"""Share of the frames that are taken for noise alone: pauses, and what is kept before and after an utterance."""

_UNDERESTIMATED: Final = 1.35
"""By how much so quiet frames lie below the mean of the noise."""

_AUDIBLE: Final = 0.02
"""Share of all power from which noise is worth the trouble: 17 dB below the sound as a whole."""

_MEMORY: Final = 0.92
"""Weight of the frame before in the estimate of the signal."""

_LEAST_GAIN: Final = 0.6
"""Noise is softened by 4 dB at most."""

_HANN: Final = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


def softened(samples: Samples) -> Samples:
    """``samples`` (mono, 16 kHz) with their steady noise up to 4 dB softer, in the same length."""
    padded = np.pad(samples, (_WINDOW, _WINDOW + -len(samples) % _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectra = np.fft.rfft(frames * _HANN, axis=1)
    power = np.square(np.abs(spectra))
    if len(power) <= _SMOOTHED:
        return samples
    noise = _noise(power)
    if noise.sum() < _AUDIBLE * power.mean(axis=0).sum():
        return samples
    filtered = np.fft.irfft(spectra * _gains(power, noise), axis=1) * _HANN
    whole = np.zeros(len(padded))
    for place in range(_WINDOW // _HOP):  # frames that do not overlap are laid down together
        part = filtered[place :: _WINDOW // _HOP]
        whole[place * _HOP : place * _HOP + part.size] += part.ravel()
    overlap = float(np.square(_HANN).sum()) / _HOP  # the same everywhere: squared Hann windows add up
    return (whole[_WINDOW : _WINDOW + len(samples)] / overlap).astype(np.float32)


def _noise(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The power of the noise in every band."""
    summed = np.cumsum(power, axis=0)
    smooth = (summed[_SMOOTHED:] - summed[:-_SMOOTHED]) / _SMOOTHED
    quiet = np.quantile(smooth, _QUIET, axis=0) * _UNDERESTIMATED
    return np.maximum(np.convolve(quiet, np.full(5, 0.2), "same"), 1e-12)


def _gains(power: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left of every band in every frame."""
    ratios = power / noise
    gains = np.empty_like(ratios)
    before = np.ones(power.shape[1])
    for gain, ratio in zip(gains, ratios, strict=True):
        signal = _MEMORY * before + (1 - _MEMORY) * np.maximum(ratio - 1, 0)
        np.maximum(signal / (1 + signal), _LEAST_GAIN, out=gain)
        before = np.square(gain) * ratio
    return gains
