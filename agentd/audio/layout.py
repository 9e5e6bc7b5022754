"""How samples lie in an uploaded stream: every common PCM depth, float, and G.711, with interleaved channels."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from agentd.audio.formats import AudioFormat, Encoding, Samples, to_samples

MIN_RATE: Final = 4_000
MAX_RATE: Final = 192_000
MAX_CHANNELS: Final = 8

Kind = Literal["unsigned", "signed", "float", "mulaw", "alaw"]

_NAMES: Final[dict[Kind, str]] = {"unsigned": "PCM", "signed": "PCM", "float": "float", "mulaw": "mu-law", "alaw": "A-law"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Interleaved little-endian samples.

    Attributes:
        kind: how the bytes of a sample are a number.
        width: bytes per sample: 1 unsigned, 2 to 4 signed, 4 or 8 float, 1 mulaw and alaw.
        sample_rate: in Hz.
        channels: interleaved channels.
    """

    kind: Kind
    width: int
    sample_rate: int
    channels: int

    @classmethod
    def of(cls, audio: AudioFormat, channels: int = 1) -> "Layout":
        """The layout of one of the protocol's formats."""
        kinds: dict[Encoding, Kind] = {"linear16": "signed", "mulaw": "mulaw", "alaw": "alaw"}
        return cls(kinds[audio.encoding], audio.bytes_per_sample, audio.sample_rate, channels)

    def __str__(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.width * 8} bit {_NAMES[self.kind]}, {self.sample_rate} Hz, {channels}"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.width * self.channels

    def faults(self) -> list[str]:
        """Why this cannot be converted, with what can; empty when it can."""
        found: list[str] = []
        if not MIN_RATE <= self.sample_rate <= MAX_RATE:
            found.append(f"a sample rate of {self.sample_rate} Hz ({MIN_RATE} to {MAX_RATE} are taken)")
        if not 1 <= self.channels <= MAX_CHANNELS:
            found.append(f"{self.channels} channels (1 to {MAX_CHANNELS} are taken)")
        return found

    def mono(self, data: bytes) -> Samples:
        """Decode whole frames and average the channels (averaging cannot clip)."""
        samples = self._decode(data)
        if self.channels == 1:
            return samples
        mixed: Samples = samples.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        return mixed

    def _decode(self, data: bytes) -> Samples:
        match self.kind:
            case "mulaw" | "alaw":
                return to_samples(data, self.kind)
            case "unsigned":
                return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
            case "float":
                floats: NDArray[np.floating[Any]] = np.frombuffer(data, f"<f{self.width}")
                # A NaN or a 1e38 would live on in the resampler's memory and silence everything after it.
                bounded: Samples = np.nan_to_num(np.clip(floats, -1.0, 1.0), nan=0.0).astype(np.float32)
                return bounded
            case "signed" if self.width == 2:
                return to_samples(data, "linear16")
            case "signed":
                # As the upper bytes of a 32 bit number: the sign is where it belongs, the scale is the same for 24 and 32.
                wide = np.zeros((len(data) // self.width, 4), dtype=np.uint8)
                wide[:, 4 - self.width :] = np.frombuffer(data, np.uint8).reshape(-1, self.width)
                numbers: NDArray[np.int32] = wide.view("<i4")[:, 0]
                return numbers.astype(np.float32) / np.float32(2**31)
