"""Conversion of a running stream from one format to another: channels mixed down, rate changed, encoding changed.

The resampler is soxr's (libsoxr): its filter does not alias what lies above the new Nyquist frequency, as interpolation
between samples would, and recognisers hear that difference.
"""

from typing import Final

import soxr  # type: ignore[import-untyped]  # ships no types

from agentd.audio.formats import AudioFormat, Samples, from_samples
from agentd.audio.layout import Layout

_QUALITY: Final = "HQ"
"""20 bits, 3 ms of compute per second of 48 kHz stereo; VHQ costs twice that and adds what 16 bit output cannot hold."""


class LayoutConverter:
    """Converts one stream to a protocol format; keeps what a split in the middle of a frame leaves over.

    Args:
        source: how the samples come in.
        target: what goes out.
    """

    def __init__(self, source: Layout, target: AudioFormat) -> None:
        self._source = source
        self._target = target
        self._remainder = b""
        self._identity = source == Layout.of(target)
        self._resampler = RateConverter(source.sample_rate, target.sample_rate)

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Convert the next piece; ``last`` gives out what the filter still holds, and the converter is done.

        Pieces may end anywhere. Half a frame that is left at the very end is dropped.
        """
        if self._remainder:
            data = self._remainder + data
        whole = len(data) - len(data) % self._source.frame_bytes
        self._remainder = b"" if last else data[whole:]
        if whole < len(data):
            data = data[:whole]
        if self._identity:
            return data
        return from_samples(self._resampler.feed(self._source.mono(data), last=last), self._target.encoding)


class Converter(LayoutConverter):
    """Converts one stream from a protocol format, with interleaved channels if need be, to another.

    Args:
        source: what comes in.
        target: what goes out.
        channels: interleaved channels that come in; they are averaged.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat, channels: int = 1) -> None:
        super().__init__(Layout.of(source, channels), target)


class RateConverter:
    """Changes the sample rate of a running mono stream; passes samples through when the rates are equal."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = None
        if source_rate != target_rate:
            self._stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality=_QUALITY)

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """The samples that are ready; ``last`` empties the filter. Delay within a stream: about 10 ms."""
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(samples, last=last)
        return resampled


class UtteranceConverter:
    """Converts a stream of utterances: each is complete when it ends, and nothing of it leaks into the next."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._formats = (source, target)
        self._converter = Converter(source, target)

    def feed(self, data: bytes) -> bytes:
        """Convert the next piece."""
        return self._converter.feed(data)

    def end(self) -> bytes:
        """The utterance is over: what the filter still holds."""
        rest = self._converter.feed(b"", last=True)
        self.cut()
        return rest

    def cut(self) -> None:
        """The utterance was broken off: forget what the filter holds."""
        self._converter = Converter(*self._formats)
