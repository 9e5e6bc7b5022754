"""Sounds made with fixed seeds: room noise from a recording, pauses, clicks, coughs, tones, hums, echoes.

All are float32 mono at 16 kHz, from -1 to 1; every random choice comes from the generator handed in.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agentd.engine.providers import LISTEN_RATE, Samples

Generator = np.random.Generator

QUIETEST_MS: Final = 200
"""Length of the quietest stretch of a recording, from which its room noise is made."""

GRAIN_MS: Final = 80
"""Noise is laid from random pieces of that stretch, each so long, half over the other: nothing is heard to repeat."""

FADE_MS: Final = 10
"""Cross-fade where one sound goes over into another: a hard cut is a click."""

BELOW_SPEECH_DB: Final = 25.0
"""A stretch that is not so much quieter than its recording is speech, not the room: the clip has no pause."""

MADE_UP_DB: Final = 40.0
"""How much quieter than the recording the noise is that such a clip gets instead."""


def count(milliseconds: float) -> int:
    """Samples in ``milliseconds``."""
    return round(milliseconds * LISTEN_RATE / 1000)


def level(samples: NDArray[np.floating]) -> float:
    """Root mean square of ``samples``."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def at_level(samples: NDArray[np.floating], dbfs: float) -> Samples:
    """``samples`` with this root mean square, in dB below full scale."""
    return (samples * (10 ** (dbfs / 20) / max(level(samples), 1e-9))).astype(np.float32)


def quietest(recording: Samples) -> Samples:
    """The quietest stretch of a recording."""
    length = min(count(QUIETEST_MS), len(recording))
    power = np.concatenate(([0.0], np.cumsum(np.square(recording, dtype=np.float64))))
    start = int(np.argmin(power[length:] - power[:-length]))
    return recording[start : start + length]


def room_noise(recording: Samples, length: int, rng: Generator) -> Samples:
    """``length`` samples of the recording's own room."""
    stretch = quietest(recording)
    if level(stretch) > level(recording) * 10 ** (-BELOW_SPEECH_DB / 20):
        hum = coloured_noise(length, rng, low_hz=50, high_hz=7000, fall=1.0)
        return (hum * (level(recording) * 10 ** (-MADE_UP_DB / 20) / level(hum))).astype(np.float32)
    grain = min(count(GRAIN_MS), len(stretch))
    window = np.hanning(grain)
    laid = np.zeros(length + 2 * grain)
    for at in range(0, length + grain, grain // 2):
        start = int(rng.integers(0, len(stretch) - grain + 1))
        laid[at : at + grain] += stretch[start : start + grain] * window
    noise = laid[grain : grain + length]
    return (noise * (level(stretch) / max(level(noise), 1e-9))).astype(np.float32)


def joined(parts: list[Samples]) -> Samples:
    """``parts`` one after the other, each cross-faded into the next."""
    fade = count(FADE_MS)
    rising = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    whole = parts[0]
    for part in parts[1:]:
        over = whole[-fade:] * (1 - rising) + part[:fade] * rising
        whole = np.concatenate((whole[:-fade], over, part[fade:]))
    return whole


def with_pause(recording: Samples, at: int, pause_ms: int, rng: Generator) -> Samples:
    """The recording with a pause of its own room noise put in before sample ``at``; longer by just ``pause_ms``."""
    noise = room_noise(recording, count(pause_ms) + 2 * count(FADE_MS), rng)
    return joined([recording[:at], noise, recording[at:]])


def mixed(*sounds: Samples) -> Samples:
    """The sum of sounds that begin together."""
    whole = np.zeros(max(map(len, sounds)), dtype=np.float32)
    for sound in sounds:
        whole[: len(sound)] += sound
    return np.clip(whole, -1.0, 1.0)


def delayed(sound: Samples, milliseconds: float) -> Samples:
    """Silence, then the sound."""
    return np.concatenate((np.zeros(count(milliseconds), dtype=np.float32), sound))


def coloured_noise(length: int, rng: Generator, *, low_hz: float, high_hz: float, fall: float = 0.0) -> Samples:
    """Noise between two frequencies whose power falls as frequency to the ``-fall`` (0 white, 1 pink, 2 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / LISTEN_RATE)
    shape = np.where((hertz >= low_hz) & (hertz <= high_hz), np.maximum(hertz, 1.0) ** (-fall / 2), 0.0)
    noise = np.fft.irfft(spectrum * shape, length)
    return (noise / max(float(np.max(np.abs(noise))), 1e-9)).astype(np.float32)


def clicks(rng: Generator) -> Samples:
    """One to four short clicks, as of a key or a switch, within a second."""
    sound = np.zeros(LISTEN_RATE, dtype=np.float32)
    for _ in range(int(rng.integers(1, 5))):
        length = count(float(rng.uniform(2, 8)))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        at = int(rng.integers(0, len(sound) - length))
        sound[at : at + length] += (burst * rng.uniform(0.2, 0.5) / np.max(np.abs(burst))).astype(np.float32)
    return sound


def cough(rng: Generator) -> Samples:
    """One or two bursts of filtered noise, 150 to 400 ms each: a sharp rise, a throat's resonances, a fading end."""
    bursts: list[Samples] = []
    for _ in range(int(rng.integers(1, 3))):
        length = count(float(rng.uniform(150, 400)))
        throat = coloured_noise(length, rng, low_hz=250, high_hz=float(rng.uniform(2000, 4000)), fall=1.0)
        breath = coloured_noise(length, rng, low_hz=1500, high_hz=6500)
        time = np.arange(length) / length
        envelope = np.minimum(time / 0.06, 1.0) * np.exp(-3.5 * time)
        bursts.append(((throat + 0.4 * breath) * envelope).astype(np.float32))
        bursts.append(np.zeros(count(float(rng.uniform(80, 250))), dtype=np.float32))
    return at_level(np.concatenate(bursts), float(rng.uniform(-26, -18)))


def music(rng: Generator, seconds: float = 3.0) -> Samples:
    """Chords of harmonic tones, one each half second, struck and fading: a radio in the next room."""
    time = np.arange(int(0.5 * LISTEN_RATE)) / LISTEN_RATE
    chords: list[Samples] = []
    for _ in range(round(seconds / 0.5)):
        root = 110 * 2 ** (int(rng.integers(0, 24)) / 12)
        chord = np.zeros(len(time))
        for step in (0, 4, 7):
            tone = root * 2 ** (step / 12)
            chord += sum(np.sin(2 * np.pi * tone * harmonic * time) / harmonic for harmonic in range(1, 6))
        chords.append((chord * np.exp(-2.0 * time)).astype(np.float32))
    return at_level(np.concatenate(chords), -26)


def transposed(voice: Samples, factor: float) -> Samples:
    """The voice of a larger (below 1) or smaller speaker: pitch and resonances times ``factor``, tempo with them."""
    at = np.arange(0, len(voice) - 1, factor)
    moved: Samples = np.interp(at, np.arange(len(voice)), voice).astype(np.float32)
    return moved
