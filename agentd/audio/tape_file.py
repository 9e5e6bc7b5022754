"""A recording on disk: stereo (left the user, right the agent), in a WAV of IMA ADPCM blocks.

The format was chosen for what can happen to the file: a block stands for itself, so any byte range of the recording is found
by arithmetic and decodes to the same bytes each time; a file that ends anywhere is good up to its last block; and
writing it costs a Raspberry Pi next to nothing. The header is brought up to date with every write, so that a file whose writer
was killed plays in any player. A quarter of the size of 16 bit PCM: 24 kHz make 86 MB an hour.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from agentd.audio.adpcm import BLOCK_BYTES, BLOCK_SAMPLES, CHANNELS, Encoder, decode
from agentd.audio.formats import AudioFormat
from agentd.audio.resample import Converter

MAX_RATE: Final = 24_000
"""Speech has nothing above 12 kHz that is worth the disk."""
_TAG: Final = 0x11
_STARTED: Final = struct.Struct("<4sI4s4sI24s")
_HEADER: Final = struct.Struct(f"<4sI4s4sIHHIIHHHH4sII{_STARTED.size}s4sI")
HEADER_BYTES: Final = _HEADER.size
FRAME_BYTES: Final = 2 * CHANNELS
"""One sample of both channels as linear16."""


def recording_rate(user: AudioFormat, agent: AudioFormat) -> int:
    """The rate a conversation is recorded at: that of its better side, as far as speech needs it."""
    return min(MAX_RATE, max(user.sample_rate, agent.sample_rate))


class TapeWriter:
    """Writes one recording; every method touches the disk and belongs in a thread.

    Args:
        path: the file, which must not exist; it is made for the owner's eyes alone.
        user, agent: the formats the two sides come in.
        started: when it began, RFC 3339; 24 characters are kept.

    Raises:
        OSError: the file cannot be made or written.
    """

    def __init__(self, path: Path, user: AudioFormat, agent: AudioFormat, *, started: str) -> None:
        self.sample_rate = recording_rate(user, agent)
        self._started = started.encode("ascii", "replace")[:24]
        target = AudioFormat("linear16", self.sample_rate)
        self._converters = (Converter(user, target), Converter(agent, target))
        self._encoder = Encoder()
        self._waiting = (bytearray(), bytearray())
        self._samples = 0
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
        self._write(b"")

    def write(self, user: bytes, agent: bytes) -> int:
        """Add the same span of time of both sides. Returns the bytes that were written."""
        for waiting, converter, data in zip(self._waiting, self._converters, (user, agent), strict=True):
            waiting.extend(converter.feed(data))
        return self._write(self._blocks())

    def close(self) -> int:
        """Write what is left and close the file. Returns the bytes that were written."""
        try:
            for waiting, converter in zip(self._waiting, self._converters, strict=True):
                waiting.extend(converter.feed(b"", last=True))
            whole, rest = self._blocks(), max(map(len, self._waiting)) // 2
            if not rest:
                return self._write(whole)
            for waiting in self._waiting:
                waiting.extend(bytes(2 * BLOCK_SAMPLES - len(waiting)))
            return self._write(whole + self._blocks(), less=BLOCK_SAMPLES - rest)
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _blocks(self) -> bytes:
        size = 2 * BLOCK_SAMPLES
        blocks = []
        while all(len(waiting) >= size for waiting in self._waiting):
            left, right = (bytes(waiting[:size]) for waiting in self._waiting)
            blocks.append(self._encoder.block((left, right)))
            for waiting in self._waiting:
                del waiting[:size]
        return b"".join(blocks)

    def _write(self, blocks: bytes, *, less: int = 0) -> int:
        """Data first, then the header that counts it: a reader never finds less than it is told of."""
        view = memoryview(blocks)
        while view:
            view = view[self._file.write(view) :]
        self._samples += len(blocks) // BLOCK_BYTES * BLOCK_SAMPLES - less
        data_bytes = -(-self._samples // BLOCK_SAMPLES) * BLOCK_BYTES
        info = _STARTED.pack(b"LIST", _STARTED.size - 8, b"INFO", b"ICRD", 24, self._started)
        os.pwrite(
            self._file.fileno(),
            _HEADER.pack(
                b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE",
                b"fmt ", 20, _TAG, CHANNELS, self.sample_rate, self.sample_rate * BLOCK_BYTES // BLOCK_SAMPLES, BLOCK_BYTES, 4, 2,
                BLOCK_SAMPLES, b"fact", 4, self._samples, info, b"data", data_bytes,
            ),
            0,
        )  # fmt: skip
        self._file.seek(0, os.SEEK_END)
        return len(blocks)


@dataclass(frozen=True, slots=True)
class TapeReader:
    """A recording as it can be read now; it may be written on.

    Attributes:
        samples: of each channel.
        started: when it began, RFC 3339.
    """

    path: Path
    sample_rate: int
    samples: int
    started: str

    @classmethod
    def open(cls, path: Path) -> Self:
        """Look at the file.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is no recording of ours.
        """
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
        if len(head) < HEADER_BYTES:
            raise ValueError("the file is too short")
        values = _HEADER.unpack(head)
        if (values[0], values[5], values[9], values[12]) != (b"RIFF", _TAG, BLOCK_BYTES, BLOCK_SAMPLES):
            raise ValueError("the file is no recording")
        return cls(path, values[7], values[15], _STARTED.unpack(values[16])[5].rstrip(b"\0").decode("ascii", "replace"))

    @property
    def pcm_bytes(self) -> int:
        """Its length as interleaved linear16."""
        return self.samples * FRAME_BYTES

    def pcm(self, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` of it as interleaved linear16; reads the disk."""
        size = BLOCK_SAMPLES * FRAME_BYTES
        first, last = start // size, -(-min(end, self.pcm_bytes) // size)
        with self.path.open("rb") as file:
            file.seek(HEADER_BYTES + first * BLOCK_BYTES)
            pcm = decode(file.read((last - first) * BLOCK_BYTES))
        return pcm[start - first * size : min(end, self.pcm_bytes) - first * size]
