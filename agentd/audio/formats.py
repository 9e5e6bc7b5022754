"""Sample formats of the Voice Agent protocol as values, their conversion to and from float samples, and WAV headers.

All byte strings are little-endian and mono unless a function says otherwise; float samples run from -1 to 1.
"""

import audioop
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Encoding = Literal["linear16", "mulaw", "alaw"]
ENCODINGS: Final[dict[str, Encoding]] = {"linear16": "linear16", "mulaw": "mulaw", "alaw": "alaw"}
"""The encodings by name."""
Samples = NDArray[np.float32]
"""Mono audio, float32 from -1 to 1."""

UNKNOWN_LENGTH: Final = 0xFFFFFFFF
"""What a WAV header says when its writer cannot know the size (a pipe): players then read to the end."""

_SAMPLE_BYTES: Final[dict[Encoding, int]] = {"linear16": 2, "mulaw": 1, "alaw": 1}
_SILENCE: Final[dict[Encoding, bytes]] = {"linear16": b"\x00", "mulaw": b"\xff", "alaw": b"\xd5"}  # G.711: zero is not 0x00
_WAVE_TAG: Final[dict[Encoding, int]] = {"linear16": 1, "mulaw": 7, "alaw": 6}  # RFC 2361


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono audio as it travels: the upstream's word for the encoding, and the sample rate in Hz."""

    encoding: Encoding
    sample_rate: int

    @property
    def bytes_per_sample(self) -> int:
        """2 for linear16, 1 for mulaw and alaw."""
        return _SAMPLE_BYTES[self.encoding]

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second of audio."""
        return self.sample_rate * self.bytes_per_sample

    def duration_s(self, n_bytes: int) -> float:
        """Seconds that ``n_bytes`` play."""
        return n_bytes / self.bytes_per_second

    def bytes_for(self, seconds: float) -> int:
        """Bytes of ``seconds`` of audio, to the nearest whole sample."""
        return round(seconds * self.sample_rate) * self.bytes_per_sample

    def silence(self, n_bytes: int) -> bytes:
        """``n_bytes`` of digital silence: 0xFF in mulaw and 0xD5 in alaw, where a zero byte is a loud click."""
        return _SILENCE[self.encoding] * n_bytes


def to_samples(data: bytes | memoryview, encoding: Encoding) -> Samples:
    """Decode whole samples.

    Raises:
        ValueError: ``data`` ends within a sample.
    """
    if encoding == "linear16":
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(32768.0)
    return _decoded(encoding)[np.frombuffer(data, dtype=np.uint8)]


def from_samples(samples: Samples, encoding: Encoding) -> bytes:
    """Encode ``samples``; what lies beyond full scale is clipped, never wrapped into noise."""
    linear: bytes = np.rint(np.clip(samples * np.float32(32768.0), -32768.0, 32767.0)).astype("<i2").tobytes()
    match encoding:
        case "linear16":
            return linear
        case "mulaw":
            return audioop.lin2ulaw(linear, 2)
        case "alaw":
            return audioop.lin2alaw(linear, 2)


@lru_cache(maxsize=2)
def _decoded(encoding: Literal["mulaw", "alaw"]) -> Samples:
    """The 256 values of a G.711 code: looking one up is several times quicker than decoding and scaling it."""
    decode = audioop.ulaw2lin if encoding == "mulaw" else audioop.alaw2lin
    table = to_samples(decode(bytes(range(256)), 2), "linear16")
    table.flags.writeable = False
    return table


def wav_header(audio: AudioFormat, data_bytes: int | None, channels: int = 1) -> bytes:
    """The RIFF header that goes before ``data_bytes`` of audio; None when the length is not known yet.

    44 bytes for linear16; 58 for mulaw and alaw, whose ``fmt`` chunk carries an extension size and whose length in
    samples is told by a ``fact`` chunk (Microsoft, "New Multimedia Data Types", 1994: both are due for non-PCM tags).
    """
    width = audio.bytes_per_sample * channels
    layout = struct.pack(
        "<HHIIHH",
        _WAVE_TAG[audio.encoding],
        channels,
        audio.sample_rate,
        audio.bytes_per_second * channels,
        width,
        audio.bytes_per_sample * 8,
    )
    if audio.encoding == "linear16":
        chunks = _chunk(b"fmt ", layout)
    else:
        samples = UNKNOWN_LENGTH if data_bytes is None else data_bytes // width
        chunks = _chunk(b"fmt ", layout + struct.pack("<H", 0)) + _chunk(b"fact", struct.pack("<I", samples))
    size = UNKNOWN_LENGTH if data_bytes is None else data_bytes
    riff_size = UNKNOWN_LENGTH if data_bytes is None else 4 + len(chunks) + 8 + data_bytes
    if riff_size > UNKNOWN_LENGTH:  # beyond 4 GiB a WAV cannot say its size
        size = riff_size = UNKNOWN_LENGTH
    return b"RIFF" + struct.pack("<I", riff_size) + b"WAVE" + chunks + b"data" + struct.pack("<I", size)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body
