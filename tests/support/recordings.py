"""Recordings in the formats that callers send, written with FFmpeg's encoders."""

import math
import tempfile
from dataclasses import dataclass, field
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame


@dataclass(frozen=True, slots=True)
class Kind:
    """How a recording is written, and how it is called over HTTP."""

    muxer: str
    encoder: str
    media_type: str
    rate: int = 48_000
    options: dict[str, str] = field(default_factory=dict)
    on_disk: bool = False


KINDS: Final = {
    "FLAC": Kind("flac", "flac", "audio/flac", 44_100),
    "Ogg Vorbis": Kind("ogg", "vorbis", "audio/ogg", 44_100),
    "Ogg Opus": Kind("ogg", "libopus", "audio/ogg;codecs=opus"),
    "Ogg FLAC": Kind("ogg", "flac", "application/ogg", 16_000),
    "MP3": Kind("mp3", "libmp3lame", "audio/mpeg", 22_050),
    "MP3 without a tag": Kind("mp3", "libmp3lame", "audio/mp3", 16_000, {"id3v2_version": "0", "write_xing": "0"}),
    "WebM Opus": Kind("webm", "libopus", "audio/webm;codecs=opus"),
    "WebM Vorbis": Kind("webm", "vorbis", "video/webm", 44_100),
    "Matroska Opus": Kind("matroska", "libopus", "audio/x-matroska"),
    "MP4 in fragments": Kind("mp4", "aac", "audio/mp4", 44_100, {"movflags": "frag_keyframe+empty_moov"}),
    "M4A, index first": Kind("mp4", "aac", "audio/x-m4a", 44_100, {"movflags": "faststart"}, on_disk=True),
    "M4A, index last": Kind("mp4", "aac", "audio/mp4", 44_100, on_disk=True),
    "AAC": Kind("adts", "aac", "audio/aac", 44_100),
}
"""What is taken besides WAV and raw samples."""


class _Pipe:
    """Where a writer cannot go back, as on a network."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def tone(seconds: float, rate: int, hz: float = 440.0) -> "np.ndarray[Any, np.dtype[np.int16]]":
    """A sine of half amplitude."""
    times = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * math.pi * hz * times) * 16_000).astype(np.int16)


def record(kind: Kind, samples: "np.ndarray[Any, np.dtype[np.int16]]", *, channels: int = 1) -> bytes:
    """``samples`` (mono, in ``kind.rate``) as a recording with so many equal channels."""
    pipe = _Pipe()
    with tempfile.NamedTemporaryFile() as file:
        _write(file.name if kind.on_disk else pipe, kind, samples, channels)
        return file.read() or bytes(pipe.data)


def _write(file: Any, kind: Kind, samples: "np.ndarray[Any, np.dtype[np.int16]]", channels: int) -> None:
    with av.open(file, "w", format=kind.muxer, options=kind.options) as media:
        stream: Any = media.add_stream(kind.encoder, rate=kind.rate, layout={1: "mono", 2: "stereo"}[channels])
        if kind.encoder == "vorbis":  # FFmpeg's own, which is only for two channels
            stream.codec_context.options = {"strict": "experimental"}
        resampler = av.AudioResampler(format=stream.format, layout=stream.layout, rate=kind.rate, frame_size=0)
        fifo = av.AudioFifo()
        frame = AudioFrame.from_ndarray(np.repeat(samples, channels).reshape(1, -1), "s16", layout=stream.layout.name)
        frame.sample_rate = kind.rate
        for converted in resampler.resample(frame):
            fifo.write(converted)
        size = stream.frame_size or 1024
        while (part := fifo.read(size, partial=True)) is not None:
            media.mux(stream.encode(part))
        media.mux([packet for packet in stream.encode(None) if packet.size])  # FLAC's last carries its header alone
