"""Decoding of uncompressed audio as it arrives: WAV or raw samples in, the session's input format out.

A decoder holds at most a WAV header's ``fmt`` chunk, one frame and the resampler's filter, whatever is uploaded. It is
plain compute, and quick enough for the event loop in pieces of ``PIECE_BYTES``: 0.1 to 0.2 ms for usual recordings, 2.5 ms
for the slowest (8 bit at 4 kHz, made 48 kHz).
"""

from abc import ABC, abstractmethod
from typing import Final

from agentd.audio.formats import ENCODINGS, AudioFormat
from agentd.audio.layout import Layout
from agentd.audio.resample import LayoutConverter
from agentd.audio.wav import WavHeader
from agentd.errors import FieldError, InvalidAudio, MalformedRequest

PIECE_BYTES: Final = 16 * 1024
"""The most to ``feed`` at once on the event loop."""


class Decoder(ABC):
    """One upload.

    Attributes:
        input: what was found, for a person ("WAV, 16 bit PCM, 44100 Hz, stereo"); "" until it is known.
        stated_bytes: length of the samples as the header has it; None where it does not say, or nobody has seen it yet.
    """

    def __init__(self, target: AudioFormat) -> None:
        self.input = ""
        self.stated_bytes: int | None = None
        self._target = target
        self._converter: LayoutConverter | None = None
        self._layout: Layout | None = None
        self._decoded_bytes = 0

    @property
    def seconds(self) -> float:
        """Audio taken in so far."""
        return self.seconds_of(self._decoded_bytes)

    def seconds_of(self, n_bytes: int) -> float:
        """How long so many bytes of samples are; 0 until their layout is known."""
        return n_bytes / self._layout.frame_bytes / self._layout.sample_rate if self._layout else 0.0

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Take the next piece, split anywhere; what it makes in the target format (maybe nothing yet).

        Raises:
            MalformedRequest: the data is not what its type or header says.
            InvalidAudio: it is audio that is not taken; says what is.
        """

    def finish(self) -> bytes:
        """The stream is over; the rest.

        Raises:
            MalformedRequest: it ended too early to hold any audio.
        """
        return self._converter.feed(b"", last=True) if self._converter else b""

    def _begin(self, layout: Layout, container: str) -> None:
        self.input = f"{container}, {layout}"
        self._layout = layout
        self._converter = LayoutConverter(layout, self._target)

    def _convert(self, samples: bytes) -> bytes:
        assert self._converter is not None, "samples come after the layout"  # noqa: S101
        self._decoded_bytes += len(samples)
        return self._converter.feed(samples)


class RawDecoder(Decoder):
    """Samples without a header."""

    def __init__(self, layout: Layout, target: AudioFormat) -> None:
        super().__init__(target)
        self._begin(layout, "raw samples")

    def feed(self, data: bytes) -> bytes:
        """See ``Decoder.feed``."""
        return self._convert(data)


class WavDecoder(Decoder):
    """A WAV file or stream; what follows its samples (tags) is passed over."""

    def __init__(self, target: AudioFormat) -> None:
        super().__init__(target)
        self._header = WavHeader()
        self._left: int | None = None

    def feed(self, data: bytes) -> bytes:
        """See ``Decoder.feed``."""
        if self._converter is None:
            samples = self._header.feed(data)
            if samples is None or self._header.layout is None:
                return b""
            self._begin(self._header.layout, "WAV")
            self._left = self.stated_bytes = self._header.data_bytes
            data = samples
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return self._convert(data)

    def finish(self) -> bytes:
        """See ``Decoder.finish``."""
        if self._converter is None:
            raise MalformedRequest(
                "The WAV stream ends before its samples begin: it is empty or cut off. "
                "Send the whole file, for instance with curl --data-binary @question.wav."
            )
        return super().finish()


def raw_layout(parameters: str, target: AudioFormat) -> Layout:
    """The samples that the parameters of ``audio/pcm`` describe.

    ``encoding=mulaw;rate=8000;channels=1``; what is not given is as in ``target``, in mono.

    Raises:
        InvalidAudio: names each parameter that cannot be used.
    """
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in parameters.split(";"))):
        name, _, value = part.partition("=")
        given[name.strip().lower()] = value.strip().strip('"').lower()
    encoding, rate, channels = target.encoding, target.sample_rate, 1
    faults: list[str] = []
    for name, value in given.items():
        if name == "encoding" and value in ENCODINGS:
            encoding = ENCODINGS[value]
        elif name in {"rate", "sample_rate"} and _is_number(value):
            rate = int(value)
        elif name == "channels" and _is_number(value):
            channels = int(value)
        else:
            faults.append(f"{name}={value}"[:80])
    layout = Layout.of(AudioFormat(encoding, rate), channels)
    faults += layout.faults()
    if faults:
        raise InvalidAudio(
            "The parameters of audio/pcm are not understood: " + ", ".join(faults) + ". Taken are "
            f"encoding={'|'.join(ENCODINGS)}, rate (Hz) and channels, as in "
            "-H 'Content-Type: audio/pcm;encoding=linear16;rate=16000;channels=1'.",
            errors=[FieldError("/headers/content-type", fault) for fault in faults],
        )
    return layout


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 7
