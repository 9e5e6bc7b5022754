"""Reading a WAV header as it arrives, from any writer: files, pipes that cannot know their length, recorders that died.

Sources: Microsoft/IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF); WAVEFORMATEXTENSIBLE of
mmreg.h; EBU Tech 3306 (RF64).
"""

import struct
from typing import Final

from agentd.audio.formats import UNKNOWN_LENGTH
from agentd.audio.layout import Kind, Layout
from agentd.errors import InvalidAudio, MalformedRequest

_RIFF_BYTES: Final = 12
_CHUNK_BYTES: Final = 8
_FMT_MAX_BYTES: Final = 1024
"""18 and 40 are usual; codecs append tables, but a longer one is no header of ours."""

_ENDLESS_BYTES: Final = 0x7FFFF000
"""Recorders that write into a pipe state 0, 0xFFFFFFFF or, like arecord and sox, about 2 GiB: none of these is a length."""

_ENDLESS_64_BYTES: Final = 1 << 48
"""Beyond 256 TB: a writer that filled the field with ones."""

CHUNK_BUDGET: Final = 64
"""Chunks before the samples: real files have under ten; an endless list of empty chunks must end somewhere."""

_EXTENSIBLE: Final = 0xFFFE
_EXTENSIBLE_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_CODECS: Final = {
    1: "PCM",
    2: "Microsoft ADPCM",
    3: "float",
    6: "A-law",
    7: "mu-law",
    17: "IMA ADPCM",
    49: "GSM 6.10",
    80: "MPEG",
    85: "MP3",
    255: "AAC",
}


class WavHeader:
    """Takes the beginning of a stream until the samples start.

    Attributes:
        layout: what the ``fmt`` chunk said, from the moment ``feed`` has given back samples.
        data_bytes: length of the samples, or None where the writer did not know it: then they go on to the end.
    """

    def __init__(self) -> None:
        self.layout: Layout | None = None
        self.data_bytes: int | None = None
        self._buffer = b""
        self._skip = 0
        self._data_bytes_64: int | None = None
        self._chunks = -1  # -1: the RIFF line, which is no chunk, is still to come

    def feed(self, data: bytes) -> bytes | None:
        """Take the next piece; the first bytes of the samples (maybe none) once the header is over, None before.

        Keeps at most the ``fmt`` chunk; others are passed over as they come.

        Raises:
            MalformedRequest: this is not a WAV stream, or a damaged one.
            InvalidAudio: its samples are of a kind that is not taken.
        """
        self._buffer += data
        while True:
            passed = min(self._skip, len(self._buffer))
            self._buffer = self._buffer[passed:]
            self._skip -= passed
            if len(self._buffer) < (_CHUNK_BYTES if self._chunks >= 0 else _RIFF_BYTES):
                return None
            name, size = self._buffer[:4], int.from_bytes(self._buffer[4:8], "little")
            if self._chunks < 0:
                _check_riff(self._buffer)
                self._skip = _RIFF_BYTES
            elif name == b"data":
                self.data_bytes = self._data_bytes_64 if size == UNKNOWN_LENGTH else self._stated(size)
                return self._samples()
            elif (name == b"fmt " and not self._read_fmt(size)) or (name == b"ds64" and not self._read_ds64(size)):
                return None
            elif name != b"fmt ":
                self._skip = _CHUNK_BYTES + size + size % 2  # chunks begin at even offsets
            self._chunks += 1
            if self._chunks > CHUNK_BUDGET:
                raise MalformedRequest(f"The WAV header has more than {CHUNK_BUDGET} chunks before its samples.")

    def _read_fmt(self, size: int) -> bool:
        """Read the ``fmt`` chunk at the front; False until all of it is there."""
        if size > _FMT_MAX_BYTES:
            raise MalformedRequest(f"The WAV header's 'fmt ' chunk claims {size} bytes: the file is damaged.")
        if len(self._buffer) < _CHUNK_BYTES + size:
            return False
        self.layout = read_fmt(self._buffer[_CHUNK_BYTES : _CHUNK_BYTES + size])
        self._skip = _CHUNK_BYTES + size + size % 2
        return True

    def _read_ds64(self, size: int) -> bool:
        """Read the sizes of 64 bits that RF64 has; False until they are there."""
        if size < 16:
            raise MalformedRequest(f"The WAV header's 'ds64' chunk has {size} bytes, 28 are usual: the file is damaged.")
        if len(self._buffer) < _CHUNK_BYTES + 16:
            return False
        length = int.from_bytes(self._buffer[_CHUNK_BYTES + 8 : _CHUNK_BYTES + 16], "little")
        self._data_bytes_64 = length if 0 < length < _ENDLESS_64_BYTES else None
        return True

    @staticmethod
    def _stated(size: int) -> int | None:
        return size if 0 < size < _ENDLESS_BYTES else None

    def _samples(self) -> bytes:
        if self.layout is None:
            raise MalformedRequest("The WAV header has no 'fmt ' chunk before its samples: the file is damaged.")
        samples, self._buffer = self._buffer[_CHUNK_BYTES:], b""
        return samples


def _check_riff(head: bytes) -> None:
    if head[:4] == b"RIFX":
        raise InvalidAudio("This is a big-endian WAV (RIFX), which is not taken. Convert it: sox in.wav out.wav.")
    if head[:4] not in {b"RIFF", b"RF64", b"BW64"} or head[8:12] != b"WAVE":
        raise MalformedRequest(f"This is not a WAV file: it begins with {head[:12]!r}.")


def read_fmt(body: bytes) -> Layout:
    """What a ``fmt`` chunk describes.

    Raises:
        MalformedRequest: it contradicts itself.
        InvalidAudio: it describes what cannot be converted; says what can.
    """
    if len(body) < 16:
        raise MalformedRequest(
            f"The WAV header's 'fmt ' chunk has {len(body)} bytes, 16 at least are needed: the file is damaged."
        )
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE:
        if len(body) < 40 or body[26:40] != _EXTENSIBLE_GUID_TAIL:
            raise InvalidAudio("The WAV's extensible format is of an unknown kind; PCM, float, mu-law and A-law are taken.")
        tag = int.from_bytes(body[24:26], "little")
    width = (bits + 7) // 8
    kind = _kind(tag, width)
    if kind is None:
        codec = _CODECS.get(tag, f"codec {tag:#06x}")
        raise InvalidAudio(
            f"The WAV holds {bits} bit {codec}; taken are PCM of 8, 16, 24 and 32 bit, float of 32 and 64 bit, mu-law and "
            "A-law. Convert it, for instance: sox in.wav -b 16 -e signed out.wav."
        )
    layout = Layout(kind, width, rate, channels)
    faults = layout.faults()
    if faults:
        raise InvalidAudio("The WAV header states " + " and ".join(faults) + ".")
    if block != layout.frame_bytes:
        raise MalformedRequest(f"The WAV header states {block} bytes a frame, {layout} has {layout.frame_bytes}: it is damaged.")
    return layout


def _kind(tag: int, width: int) -> Kind | None:
    """How samples of a format tag and a width in bytes are numbers; None when they are not taken."""
    match tag, width:
        case 1, 1:
            return "unsigned"
        case 1, 2 | 3 | 4:
            return "signed"
        case 3, 4 | 8:
            return "float"
        case 6, 1:
            return "alaw"
        case 7, 1:
            return "mulaw"
        case _:
            return None
