"""Sounds of a home that nobody spoke, made from seeds: mono, 16 kHz, float32."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000
Sound = NDArray[np.float64]
Make = Callable[[int, np.random.Generator], Sound]


def _coloured(slope: float) -> Make:
    """Noise whose power falls with frequency to the power of ``slope``."""

    def make(length: int, random: np.random.Generator) -> Sound:
        spectrum = np.fft.rfft(random.standard_normal(length))
        frequencies = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 20)
        return np.fft.irfft(spectrum * frequencies ** (-slope / 2), length)

    return make


def _hum(length: int, random: np.random.Generator) -> Sound:
    time = np.arange(length) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time + random.uniform(0, 6)) / k for k in range(1, 12))
    return np.asarray(hum) + 0.1 * random.standard_normal(length)


def _bursts(shortest: int, longest: int, decay: float) -> Make:
    """Some bursts of noise, from clicks to coughs, each ``shortest`` to ``longest`` samples."""

    def make(length: int, random: np.random.Generator) -> Sound:
        sound = 0.003 * random.standard_normal(length)
        for _ in range(random.integers(1, 6)):
            begin, size = int(random.integers(0, length)), int(random.integers(shortest, longest))
            part = sound[begin : begin + size]
            fading = np.exp(-np.arange(len(part)) * decay / size)
            part += np.convolve(random.standard_normal(len(part)), np.ones(6) / 3, "same") * fading
        return sound

    return make


def _knocks(length: int, random: np.random.Generator) -> Sound:
    sound = 0.002 * random.standard_normal(length)
    for begin in range(0, length, int(random.uniform(0.15, 0.3) * RATE)):
        part = sound[begin : begin + 1600]
        time = np.arange(len(part)) / RATE
        part += np.sin(2 * np.pi * random.uniform(90, 220) * time) * np.exp(-60 * time)
    return sound


def _breath(length: int, random: np.random.Generator) -> Sound:
    swell: Sound = np.sin(np.pi * np.arange(length) / length) ** 2
    return _coloured(-0.5)(length, random) * swell


def _tone(length: int, random: np.random.Generator) -> Sound:
    pitch, time = random.uniform(150, 900), np.arange(length) / RATE
    return np.asarray(sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 5))) * (1 + 0.3 * np.sin(31 * time))


def _sweep(length: int, random: np.random.Generator) -> Sound:
    frequency = np.linspace(random.uniform(100, 500), random.uniform(800, 4000), length)
    return np.sin(2 * np.pi * np.cumsum(frequency) / RATE)


def _melody(length: int, random: np.random.Generator) -> Sound:
    sound = np.zeros(length)
    begin = 0
    while begin < length:
        size, pitch = int(random.uniform(0.12, 0.5) * RATE), 220 * 2 ** (random.integers(0, 25) / 12)
        time = np.arange(len(sound[begin : begin + size])) / RATE
        for interval in (1, 1.26, 1.5)[: random.integers(1, 4)]:
            chord = np.asarray(sum(np.sin(2 * np.pi * pitch * interval * k * time) / k**1.5 for k in range(1, 6)))
            sound[begin : begin + size] += chord * np.exp(-4 * time)
        begin += size
    return sound


KINDS: Final[dict[str, Make]] = {
    "white": _coloured(0),
    "pink": _coloured(1),
    "brown": _coloured(2),
    "hum": _hum,
    "clicks": _bursts(20, 300, 4),
    "coughs": _bursts(2000, 6000, 4),
    "knocks": _knocks,
    "breath": _breath,
    "tone": _tone,
    "sweep": _sweep,
    "melody": _melody,
}


def noises(kind: str, count: int) -> Iterator[NDArray[np.float32]]:
    """``count`` pieces of 0.3 to 3 s, from soft to loud; always the same."""
    for number in range(count):
        random = np.random.default_rng([number, *kind.encode()])
        sound = KINDS[kind](int(random.uniform(0.3, 3.0) * RATE), random)
        peak = 10 ** (random.uniform(-35, -1) / 20)
        yield (sound / np.abs(sound).max() * peak).astype(np.float32)
