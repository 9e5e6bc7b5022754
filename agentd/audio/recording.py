"""One upload on its way to the session: recognised by its first bytes, decoded as it comes, in the session's input format.

Uncompressed audio is converted here, in pieces that take the event loop well under a millisecond; compressed audio has a
process of its own (``codecs``).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from agentd.audio.codecs import Codecs, Pieces
from agentd.audio.containers import CONTAINERS, HEAD_BYTES, RAW_TYPES, Container, foreign, is_audio_type, recognised, stated
from agentd.audio.decode import Decoder, RawDecoder, WavDecoder, raw_layout
from agentd.audio.formats import AudioFormat
from agentd.audio.resample import LayoutConverter
from agentd.errors import MalformedRequest, UnsupportedMediaType

ACCEPTED: Final = (
    "Taken are WAV, FLAC, Ogg (Vorbis, Opus, FLAC), MP3, WebM, AAC and MP4, recognised by their first bytes: "
    "--data-binary @question.wav -H 'Content-Type: audio/wav'; and raw samples with "
    "-H 'Content-Type: audio/pcm;encoding=linear16;rate=16000;channels=1'"
)
_CONVERT: Final = "Anything else becomes WAV with: ffmpeg -i IN -f wav - | curl -X POST -T - …"


class Recording:
    """One upload.

    Args:
        pieces: the body as it comes.
        content_type: what its sender says it is; None when there was no such header.
        length: bytes of the whole body; None when nobody knows.
        target: the format that comes out.
        codecs: decodes what is compressed.

    Attributes:
        input: what was found, for a person ("WAV, 16 bit PCM, 44100 Hz, stereo"); "" until it is known.
        container: one word for it, for logs and metrics: "wav", "raw", "flac" …; "unknown" until it is known.
        seconds: audio taken in so far.
        stated_s: how long the recording says it is, so that one that is too long is refused before it is heard; 0 where it
            does not say.
        damaged: packets that could not be decoded and were passed over.

    Raises:
        UnsupportedMediaType: this type is none of audio; names those that are taken and the curl flag to add.
        InvalidAudio: the parameters of ``audio/pcm`` cannot be used.
    """

    def __init__(
        self, pieces: Pieces, *, content_type: str | None, length: int | None, target: AudioFormat, codecs: Codecs
    ) -> None:
        media_type, _, parameters = (content_type or "").partition(";")
        self._media_type = media_type.strip().lower()
        self._pieces = pieces
        self._length = length
        self._target = target
        self._codecs = codecs
        self._raw: RawDecoder | None = None
        self.input = ""
        self.container = "unknown"
        self.seconds = 0.0
        self.stated_s = 0.0
        self.damaged = 0
        if self._media_type in RAW_TYPES:
            self._raw = RawDecoder(raw_layout(parameters, target), target)
        elif not is_audio_type(self._media_type):
            hint = " With curl, --data-binary @FILE instead of -F." if self._media_type.startswith("multipart/") else ""
            raise UnsupportedMediaType(f"Audio of type {self._media_type[:80]!r} is not taken.{hint} {ACCEPTED}. {_CONVERT}")

    async def pcm(self) -> AsyncGenerator[bytes, None]:
        """The recording in the target format, as it comes.

        Raises:
            MalformedRequest: the body is not what its type or its beginning says, or ends too early to hold any audio.
            InvalidAudio: it is audio that is not taken; says what is.
            UnsupportedMediaType: no type was given and the first bytes are unknown.
            TooManyRequests, Unavailable: it is compressed, and no process can decode it now.
        """
        async with aclosing(self._pieces):
            decoded = self._plain(self._raw) if self._raw is not None else await self._begun()
            async with aclosing(decoded):
                async for chunk in decoded:
                    yield chunk

    async def _begun(self) -> AsyncGenerator[bytes, None]:
        """Read the first bytes and choose what decodes them."""
        head = b""
        async for piece in self._pieces:
            head += piece
            if len(head) >= HEAD_BYTES:
                break
        found = self._recognise(head)
        if found == "WAV":
            return self._plain(WavDecoder(self._target), head)
        return self._compressed(CONTAINERS[found], head)

    def _recognise(self, head: bytes) -> str:
        named = stated(self._media_type)
        if len(head) < HEAD_BYTES:
            if head:
                raise MalformedRequest(f"The body ends after {len(head)} bytes, which is no recording. {ACCEPTED}.")
            raise MalformedRequest(f"The body is empty: there is no audio in it. {ACCEPTED}.")
        found = recognised(head)
        if found is not None:
            return found
        known = foreign(head)
        what = f"is {known}" if known else f"begins with {head[:8]!r}, which is no audio header known here"
        if named is not None:
            raise MalformedRequest(f"The body is not {named}, as its type says: it {what}. {ACCEPTED}. {_CONVERT}")
        raise UnsupportedMediaType(f"The body {what}. {ACCEPTED}. {_CONVERT}")

    async def _plain(self, decoder: Decoder, head: bytes = b"") -> AsyncGenerator[bytes, None]:
        self.container = "raw" if isinstance(decoder, RawDecoder) else "wav"
        async for piece in self._from(head):
            chunk = decoder.feed(piece)
            self.input, self.seconds = decoder.input, decoder.seconds
            stated_bytes = decoder.stated_bytes
            if self._length is not None:  # a header may claim more than its body can hold
                stated_bytes = min(stated_bytes or self._length, self._length)
            self.stated_s = decoder.seconds_of(stated_bytes or 0)
            if chunk:
                yield chunk
            await asyncio.sleep(0)
        rest = decoder.finish()
        if rest:
            yield rest

    async def _compressed(self, container: Container, head: bytes) -> AsyncGenerator[bytes, None]:
        self.container = container.name.lower()
        converter: LayoutConverter | None = None
        taken = 0
        async with self._codecs.decoding(container, self._from(head)) as decoding, aclosing(decoding.samples()) as samples:
            async for piece in samples:
                layout = decoding.layout
                if layout is None:
                    raise AssertionError("samples come after their layout")
                if converter is None:
                    converter = LayoutConverter(layout, self._target)
                    self.stated_s = decoding.duration_s or 0.0
                    channels = {1: "mono", 2: "stereo"}.get(layout.channels, f"{layout.channels} channels")
                    self.input = f"{container.name}, {decoding.codec}, {layout.sample_rate} Hz, {channels}"
                taken += len(piece)
                self.seconds = taken / layout.frame_bytes / layout.sample_rate
                chunk = converter.feed(piece)
                if chunk:
                    yield chunk
            self.damaged = decoding.damaged
        rest = converter.feed(b"", last=True) if converter is not None else b""
        if rest:
            yield rest

    async def _from(self, head: bytes) -> AsyncGenerator[bytes, None]:
        """The whole body, with what was read of it already."""
        if head:
            yield head
        async for piece in self._pieces:
            yield piece
