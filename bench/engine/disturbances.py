"""Sounds that must not interrupt the agent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.engine.providers import LISTEN_RATE, Samples
from bench.engine.sound import at_level, clicks, coloured_noise, cough, music
from bench.engine.voices import Voices

BACKCHANNELS: Final = ("Uh-huh.", "Mm-hm.", "Yes.", "Yeah.", "Okay.", "Right.")
"""What listeners say while they listen."""

ECHO_DELAYS_MS: Final = (50, 100, 150, 200)

CLICKS: Final = 8
COUGHS: Final = 12
TUNES: Final = 4


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A sound, or an echo.

    Attributes:
        kind: of it.
        name: which one.
        sound: 16 kHz; None when the echo is all there is.
        echo_ms: delay of the agent's own sound; None without echo.
    """

    kind: str
    name: str
    sound: Samples | None = None
    echo_ms: int | None = None


def disturbances(voices: Voices) -> Iterator[Disturbance]:
    """All of them, the same in every run (of the programs that happen to be installed apart)."""
    for seed in range(CLICKS):
        yield Disturbance("clicks", f"seed {seed}", clicks(np.random.default_rng([1, seed])))
    for seed in range(COUGHS):
        yield Disturbance("coughs", f"seed {seed}", cough(np.random.default_rng([2, seed])))
    for text in BACKCHANNELS:
        for who, sound in voices.everyone(text):
            yield Disturbance("backchannels", f"“{text}” {who}", sound)
    for delay in ECHO_DELAYS_MS:
        yield Disturbance("echo at -12 dB", f"{delay} ms", echo_ms=delay)
    for delay in ECHO_DELAYS_MS:
        yield Disturbance("echo at -12 dB and room noise", f"{delay} ms", echo_ms=delay)
    for seed in range(TUNES):
        yield Disturbance("music", f"seed {seed}", music(np.random.default_rng([3, seed])))
    for name, (low, high, fall) in _STEADY.items():
        hiss = coloured_noise(3 * LISTEN_RATE, np.random.default_rng(4), low_hz=low, high_hz=high, fall=fall)
        yield Disturbance("steady noise", name, at_level(hiss, -36))


_STEADY: Final = {"white": (50, 7500, 0.0), "pink": (50, 7500, 1.0), "fan": (40, 1200, 2.0), "hiss": (3000, 7500, 0.0)}
"""Lowest and highest frequency in Hz, and how power falls with frequency."""
