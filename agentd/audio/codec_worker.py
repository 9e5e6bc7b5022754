"""The decoder process: takes one compressed recording apart, from standard input to standard output (``codec_wire``).

Decoders of compressed audio are a million lines of C that meet hostile input. Here a crash, a loop or a flood costs one
upload: the process sees no environment, no file and no network, has little memory, and its processor time ends unless it
asks for more input or gives out samples.

Started as ``python -I -u -m agentd.audio.codec_worker <container>``; ends with its input, or with the daemon. It imports
neither numpy nor the rest of agentd, so that it starts in a tenth of a second.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

import av
import orjson
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer

from agentd.audio import mp4
from agentd.audio.codec_wire import END, FOUND, HEADER, MESSAGE_BYTES, SAMPLES
from agentd.audio.containers import CONTAINERS, MP4, Container

MEMORY_BYTES: Final = 512 * 1024 * 1024
"""Address space; the libraries take 120 MB of it."""
CPU_S: Final = 10.0
"""Processor time between two reads or writes. A second of audio takes a few milliseconds."""
DAMAGED_PACKETS: Final = 50
"""So many packets in a row that cannot be decoded are the end."""

_READ_BYTES: Final = 4096
"""At most so much is asked for at once: a live stream is decoded in small steps."""

_OPTIONS: Final = {
    # The codec's parameters stand in the first packets; looking further would hold a live stream back.
    "probesize": "2048",
    "analyzeduration": "0",
    "protocol_whitelist": "none",
}


_FASTSTART: Final = "move it to the front with ffmpeg -i IN -c copy -movflags +faststart OUT"


class Refused(Exception):
    """The recording is not decoded: a code ("malformed" or "invalid") and a sentence."""


class StandardInput:
    """Standard input as PyAV reads it: whatever has come, never a seek."""

    def read(self, n_bytes: int) -> bytes:
        """Up to ``n_bytes``; empty at the end."""
        renew_allowance()
        return os.read(0, n_bytes)


Send = Callable[[bytes, bytes | memoryview], None]
"""Takes a message: its kind and its body."""


def main() -> None:
    """Decode standard input."""
    confine()
    decode(CONTAINERS[sys.argv[1]], StandardInput(), _to_standard_output)


def decode(container: Container, body: mp4.Readable, send: Send) -> None:
    """Decode ``body`` to its end; what is wrong with it becomes the last message."""
    end: dict[str, Any]
    try:
        end = {"damaged": _decode(container, body, send)}
    except Refused as refusal:
        code, detail = refusal.args
        end = {"error": code, "detail": detail}
    except MemoryError:
        end = {"error": "malformed", "detail": "its parts claim more memory than any recording needs"}
    except (av.error.FFmpegError, ValueError, ArithmeticError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        end = {"error": "malformed", "detail": reason[0].lower() + reason[1:] if reason else "it cannot be decoded"}
    send(END, orjson.dumps(end))


def _decode(container: Container, body: mp4.Readable, send: Send) -> int:
    """Decode everything; how many packets were damaged."""
    opened: InputContainer = av.open(
        _ordered(container, body),
        "r",
        format=container.demuxer,
        options=_OPTIONS,
        metadata_errors="ignore",
        buffer_size=_READ_BYTES,
    )
    with opened as media:
        stream = next(iter(media.streams.audio), None)
        if stream is None:
            raise Refused("invalid", "it holds no audio")
        codec: CodecContext | None = stream.codec_context  # None, whatever PyAV's types say, where FFmpeg knows no decoder
        if codec is None or codec.name not in container.codecs:
            inside = codec.name[:40] if codec is not None else "what no decoder knows"
            raise Refused("invalid", f"it holds {inside}; taken inside are {', '.join(sorted(container.codecs))}")
        codec.thread_count = 1
        duration_s = media.duration / av.time_base if media.duration and media.duration > 0 else None
        return _Samples(codec.name, duration_s, send).take(media, stream)


def _ordered(container: Container, body: mp4.Readable) -> mp4.Readable:
    if container is not MP4:
        return body
    try:
        return mp4.readable(body)
    except mp4.TooLarge:
        limit = mp4.SPOOL_BYTES // 1024 // 1024
        raise Refused("invalid", f"its index stands at its end, which is taken up to {limit} MB; {_FASTSTART}") from None


class _Samples:
    """What comes out, in the rate and with the channels of the first frame."""

    def __init__(self, codec: str, duration_s: float | None, send: Send) -> None:
        self._send = send
        self._codec = codec
        self._duration_s = duration_s
        self._resampler: AudioResampler | None = None
        self._setup: tuple[str, str, int] | None = None
        self._target = ("", 0)

    def take(self, media: Any, stream: AudioStream) -> int:
        """Decode ``stream``; how many packets were damaged.

        A damaged packet is passed over, as players do: one lost on the way must not end an hour's stream.
        """
        damaged = in_a_row = 0
        for packet in media.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError as error:
                damaged, in_a_row = damaged + 1, in_a_row + 1
                if in_a_row > DAMAGED_PACKETS:
                    raise Refused("malformed", f"{DAMAGED_PACKETS} packets in a row are damaged") from error
                continue
            for frame in frames:
                in_a_row = 0
                self._put(frame)
        if self._resampler is None:
            raise Refused("malformed", "no audio could be decoded from it")
        self._flush()
        return damaged

    def _put(self, frame: Any) -> None:
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None:
            channels = frame.layout.nb_channels
            head = {
                "codec": self._codec,
                "sample_rate": frame.sample_rate,
                "channels": channels,
                "duration_s": self._duration_s,
            }
            self._send(FOUND, orjson.dumps(head))
            self._target = (frame.layout.name, frame.sample_rate)
        if setup != self._setup:  # a stream that was joined from several may change; what was begun stays
            self._flush()
            layout, rate = self._target
            self._resampler, self._setup = AudioResampler(format="s16", layout=layout, rate=rate), setup
        if self._resampler is None:
            raise AssertionError("made above")
        for converted in self._resampler.resample(frame):
            self._samples(converted)

    def _flush(self) -> None:
        if self._resampler is not None:
            for converted in self._resampler.resample(None):
                self._samples(converted)

    def _samples(self, frame: Any) -> None:
        n_bytes = frame.samples * frame.layout.nb_channels * 2
        data = memoryview(frame.planes[0])[:n_bytes]  # the plane is padded
        for start in range(0, n_bytes, MESSAGE_BYTES):
            self._send(SAMPLES, data[start : start + MESSAGE_BYTES])


def _to_standard_output(kind: bytes, body: bytes | memoryview) -> None:
    renew_allowance()
    try:
        _write(HEADER.pack(kind, len(body)))
        _write(body)
    except BrokenPipeError:
        os._exit(0)  # nobody wants the rest


def _write(data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def confine() -> None:
    """Take from this process what decoding does not need, and let the decoders keep quiet."""
    av.logging.set_level(av.logging.PANIC)
    for limit, bound in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (bound, bound))
    renew_allowance()


def renew_allowance() -> None:
    """From now on ``CPU_S`` of processor time; then the kernel ends the process with SIGPROF, whatever it is doing."""
    signal.setitimer(signal.ITIMER_PROF, CPU_S)


if __name__ == "__main__":
    main()
