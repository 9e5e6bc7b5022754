"""The peer's voice: a quiet sine, or a recording, in frames of the client's output format."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from pydantic_core import PydanticCustomError

from agentd.audio.decode import WavDecoder
from agentd.audio.formats import AudioFormat, from_samples
from agentd.errors import AgentdError

TONE_HZ: Final = 220
"""A whole number of periods in a second, so that seconds join without a click."""

TONE_LEVEL: Final = 0.05
"""Quiet enough for a test that plays it, loud enough to be told from silence."""

MAX_RECORDING_BYTES: Final = 16 * 1024 * 1024
"""Almost three minutes at 48 kHz."""

_PIECE_BYTES: Final = 32 * 1024


def tone(audio: AudioFormat, seconds: float, frame_bytes: int) -> Iterator[bytes]:
    """A sine, made as it is taken: an hour of it needs no more memory than a second."""
    phase = np.arange(audio.sample_rate, dtype=np.float32) * np.float32(2 * math.pi * TONE_HZ / audio.sample_rate)
    second = from_samples((TONE_LEVEL * np.sin(phase)).astype(np.float32), audio.encoding)
    looped = second * (2 + frame_bytes // len(second))
    total = audio.bytes_for(seconds)
    for start in range(0, total, frame_bytes):
        at = start % len(second)
        yield looped[at : at + min(frame_bytes, total - start)]


def recording(wav: bytes, audio: AudioFormat, frame_bytes: int) -> Iterator[bytes]:
    """A WAV file in the output format, converted as it is taken."""
    decoder = WavDecoder(audio)
    ready = b""
    for start in range(0, len(wav), _PIECE_BYTES):
        ready += decoder.feed(wav[start : start + _PIECE_BYTES])
        whole = len(ready) // frame_bytes * frame_bytes
        yield from (ready[at : at + frame_bytes] for at in range(0, whole, frame_bytes))
        ready = ready[whole:]
    ready += decoder.finish()
    yield from (ready[at : at + frame_bytes] for at in range(0, len(ready), frame_bytes))


def read_recording(path: Path) -> bytes:
    """A WAV file's bytes, looked at far enough to know that it can be played.

    Raises:
        PydanticCustomError: it cannot.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RECORDING_BYTES + 1)
        if len(data) > MAX_RECORDING_BYTES:
            raise _unusable(path, f"longer than {MAX_RECORDING_BYTES} bytes")
        decoder = WavDecoder(AudioFormat("linear16", 16000))
        decoder.feed(data[:65536])
        decoder.finish()
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None
    except AgentdError as error:
        raise _unusable(path, error.detail) from None
    return data


def _unusable(path: Path, reason: str) -> PydanticCustomError:
    return PydanticCustomError("recording", "{name} cannot be played: {reason}", {"name": path.name, "reason": reason})
