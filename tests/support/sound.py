"""Sound for tests that need speech-like loudness but no words."""

from collections.abc import AsyncIterator

import numpy as np


def loud(seconds: float, sample_rate: int = 16000) -> bytes:
    """A tone that every energy detector takes for speech (linear16 mono)."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    return (np.sin(2 * np.pi * 220 * time) * 12000).astype("<i2").tobytes()


def quiet(seconds: float, sample_rate: int = 16000) -> bytes:
    """Silence (linear16 mono)."""
    return b"\0\0" * int(seconds * sample_rate)


async def chunks(data: bytes, size: int = 3200) -> AsyncIterator[bytes]:
    """``data`` as an upload brings it."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
