"""Which recordings are taken, how their first bytes look and what senders call them.

The first bytes decide, whatever the content type claims about a recording: browsers, phones and libraries name the same
file differently, and none of these beginnings can be taken for another.
"""

from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 12
"""What recognising needs."""


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of recording that the decoder process reads.

    Attributes:
        name: for people.
        demuxer: FFmpeg's name of what takes it apart; no other may look at the bytes.
        codecs: FFmpeg's names of the codecs that may be inside.
    """

    name: str
    demuxer: str
    codecs: frozenset[str]


FLAC: Final = Container("FLAC", "flac", frozenset({"flac"}))
OGG: Final = Container("Ogg", "ogg", frozenset({"vorbis", "opus", "flac"}))
MP3: Final = Container("MP3", "mp3", frozenset({"mp3", "mp3float"}))
WEBM: Final = Container("WebM", "matroska", frozenset({"vorbis", "opus", "flac", "aac", "mp3", "mp3float"}))
MP4: Final = Container("MP4", "mov", frozenset({"aac", "opus", "flac", "mp3", "mp3float"}))
AAC: Final = Container("AAC", "aac", frozenset({"aac"}))

CONTAINERS: Final = {container.name: container for container in (FLAC, OGG, MP3, WEBM, MP4, AAC)}

WAV_TYPES: Final = frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"})
RAW_TYPES: Final = frozenset({"audio/pcm", "audio/x-pcm", "audio/raw", "audio/x-raw"})
TELLS_NOTHING: Final = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded", "application/ogg"})
"""No type, and the types that curl and others send on their own: the first bytes decide."""

_NAMES: Final = {
    "flac": "FLAC", "x-flac": "FLAC", "ogg": "Ogg", "opus": "Ogg", "vorbis": "Ogg", "mpeg": "MP3", "mp3": "MP3",
    "x-mp3": "MP3", "webm": "WebM", "x-matroska": "WebM", "mp4": "MP4", "m4a": "MP4", "x-m4a": "MP4", "aac": "AAC",
}  # fmt: skip

_FOREIGN: Final = (
    (b"FORM", "AIFF"),
    (b".snd", "AU"),
    (b"caff", "Core Audio (CAF)"),
    (b"#!AMR", "AMR"),
    (b"wvpk", "WavPack"),
    (b"0&\xb2u", "Windows Media"),
    (b"\x1f\x8b", "gzip"),
    (b"PK", "a ZIP archive"),
    (b"--", "a multipart form"),
    (b"{", "JSON"),
    (b"<", "markup"),
)
"""Beginnings that can be named although they are not taken."""


def is_audio_type(media_type: str) -> bool:
    """True where a body of this type may be a recording; its first bytes then tell which."""
    return media_type in TELLS_NOTHING or media_type.partition("/")[0] in {"audio", "video"}


def stated(media_type: str) -> str | None:
    """The container that a content type names, if it is one that is taken."""
    if media_type in WAV_TYPES:
        return "WAV"
    kind, _, name = media_type.partition("/")
    return _NAMES.get(name) if kind in {"audio", "video"} else None


def recognised(head: bytes) -> str | None:
    """The container that begins like this: a key of ``CONTAINERS`` or "WAV"; None when it is none of them."""
    if head[:4] in {b"RIFF", b"RIFX", b"RF64", b"BW64"}:
        return "WAV"
    if head.startswith(b"fLaC"):
        return "FLAC"
    if head.startswith(b"OggS"):
        return "Ogg"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "WebM"
    if head[4:8] == b"ftyp":
        return "MP4"
    if head.startswith(b"ID3"):
        return "MP3"
    return _mpeg_audio(head)


def foreign(head: bytes) -> str | None:
    """What this beginning is known as, although it is not taken."""
    return next((name for magic, name in _FOREIGN if head.startswith(magic)), None)


def _mpeg_audio(head: bytes) -> str | None:
    """MP3 or AAC without a tag in front: eleven set bits, then version and layer (ISO 11172-3, 2.4.1.3; ISO 13818-7, 6.2)."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
    if layer == 0 and head[1] & 0xF0 == 0xF0:
        return "AAC"
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    return "MP3" if layer == 1 and version != 1 and bit_rate != 0xF and rate != 3 else None
