"""Conversion of a running stream from one format to another: channels mixed down, rate changed, encoding changed.

The resampler is soxr's (libsoxr): its filter does not alias what lies above the new Nyquist frequency, as interpolation
between samples would, and recognisers hear that difference.
"""

from typing import Final

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from agentd.audio.formats import AudioFormat, Samples, from_samples, to_samples

_QUALITY: Final = "HQ"  # 20 bits: 1.5 ms per second of audio at 48 -> 16 kHz; VHQ costs twice that and nobody hears it


class Converter:
    """One stream's converter; keeps what a split in the middle of a sample leaves over.

    Args:
        source: what comes in.
        target: what goes out.
        channels: interleaved channels that come in; they are averaged.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat, channels: int = 1) -> None:
        self._source = source
        self._target = target
        self._channels = channels
        self._frame = source.bytes_per_sample * channels
        self._remainder = b""
        self._identity = source == target and channels == 1
        self._resampler = RateConverter(source.sample_rate, target.sample_rate)

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Convert the next piece; ``last`` gives out what the filter still holds, and the converter is done.

        Pieces may end anywhere. Half a sample that is left at the very end is dropped.
        """
        if self._remainder:
            data = self._remainder + data
        whole = len(data) - len(data) % self._frame
        self._remainder = b"" if last else data[whole:]
        if whole < len(data):
            data = data[:whole]
        if self._identity:
            return data
        samples = mix_down(to_samples(data, self._source.encoding), self._channels)
        return from_samples(self._resampler.feed(samples, last=last), self._target.encoding)


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


def mix_down(samples: Samples, channels: int) -> Samples:
    """Average interleaved ``channels`` to mono (averaging cannot clip)."""
    if channels == 1:
        return samples
    mono: Samples = samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return mono
