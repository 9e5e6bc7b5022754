"""Whether the user's audio is what the Settings declare, as far as its first bytes show.

Samples have no marks: noise is all that comes of wrong ones. But browsers' recorders send WebM and Ogg, programs send whole
files, and those begin with a mark. A WAV header over the declared samples does no harm.
"""

import struct
from typing import Final

from agentd.protocol.codec import ProtocolError

_MARKS: Final = (
    (0, b"\x1a\x45\xdf\xa3", "WebM"),
    (0, b"OggS", "Ogg"),
    (0, b"fLaC", "FLAC"),
    (0, b"ID3", "MP3"),
    (4, b"ftyp", "MP4"),
)

_WAV_ENCODINGS: Final = {(1, 16): "linear16", (6, 8): "alaw", (7, 8): "mulaw"}
"""By format tag and bits per sample."""

_WAV_FORMAT: Final = struct.Struct("<4s4x4s4s4xHHIIHH")
"""A WAV file's beginning: RIFF, WAVE, "fmt ", tag, channels, sample rate, bytes per second, block size, bits per sample."""


def require_declared(audio: bytes, encoding: str, sample_rate: int) -> None:
    """Look at the first bytes of the user's audio.

    Args:
        audio: the first binary frame.
        encoding: as ``audio.input`` says.
        sample_rate: as it says, in Hz.

    Raises:
        ProtocolError: USER_AUDIO_FORMAT, if it is a file of another format.
    """
    found = next((name for start, mark, name in _MARKS if audio.startswith(mark, start)), None) or _other_wav(
        audio, encoding, sample_rate
    )
    if found is not None:
        raise ProtocolError(
            "USER_AUDIO_FORMAT",
            f"The audio is {found}, but audio.input declares raw {encoding} samples, mono, at {sample_rate} Hz. Send those.",
        )


def _other_wav(audio: bytes, encoding: str, sample_rate: int) -> str | None:
    """What a WAV file has in it, if it is not what was declared."""
    if len(audio) < _WAV_FORMAT.size:
        return None
    riff, wave, chunk, tag, channels, rate, _, _, bits = _WAV_FORMAT.unpack_from(audio)
    if (riff, wave, chunk) != (b"RIFF", b"WAVE", b"fmt "):
        return None
    inside = _WAV_ENCODINGS.get((tag, bits), f"WAV format {tag} with {bits} bits")
    if (inside, channels, rate) == (encoding, 1, sample_rate):
        return None
    return f"a WAV file of {inside} at {rate} Hz in {channels} channels"
