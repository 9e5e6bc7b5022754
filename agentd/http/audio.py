"""Speech in: an upload is decoded as it arrives and spoken to the session in real time.

aiohttp does not cancel a handler whose client leaves: a broken upload shows as an error of the next read, which ends the
injection and leaves the session as it was.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.audio.decode import PIECE_BYTES
from agentd.audio.recording import Recording
from agentd.config import LimitSettings
from agentd.errors import (
    InvalidAudio,
    MalformedRequest,
    NotAcceptable,
    NothingHeard,
    PayloadTooLarge,
    RequestTimeout,
    SessionBusy,
    SessionEnded,
    Unavailable,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from agentd.http.answers import json_answer
from agentd.http.bodies import go_on, read_some
from agentd.http.deps import CODECS, DEPS
from agentd.http.models import Answer, Count, Seconds, Turn
from agentd.http.queries import Flag, Timeout
from agentd.http.replies import SPOKEN_REPLY, prefers_audio, reply
from agentd.http.sessions import session_of
from agentd.http.table import Example, Media, Route


class InjectParameters(Timeout):
    """How to inject."""

    wait: Literal["sent", "reply"] = Field("sent", description="`reply` waits for the turns the recording causes.")
    queue: Flag = Field(default=True, description="False: 409 `session-busy` while another recording is spoken.")
    pace: Literal["realtime", "fast"] = Field("realtime", description="`fast` sends as quickly as the upstream takes it.")


class Sent(Answer):
    """The recording was sent."""

    command_id: str
    accepted_s: Seconds
    accepted_bytes: Count
    queued_s: Seconds
    format: str = Field(description="What the recording was found to be.")
    damaged_packets: Count = Field(description="Parts of it that could not be decoded and were passed over.")


async def inject(request: web.Request) -> web.StreamResponse:
    """``POST`` and ``PUT …/audio`` (``curl -T`` sends PUT)."""
    query = InjectParameters.of(request)
    as_audio = prefers_audio(request, waits=query.wait == "reply")
    session = session_of(request)
    if not request.can_read_body:
        raise MalformedRequest("There is no audio in the request; with curl add --data-binary @question.wav.")
    limits = request.app[DEPS].settings.limits
    session.check_line(queue=query.queue)
    upload = Upload(request, limits, session.check_alive, limited=request.content_length is not None or query.pace == "fast")
    recording = Recording(
        upload.pieces(),
        content_type=request.headers.get("Content-Type"),
        length=request.content_length,
        target=session.input_format,
        codecs=request.app[CODECS],
    )
    async with aclosing(bounded(recording, limits, limited=upload.limited)) as pcm:
        injection = await session.inject_audio(
            pcm,
            wait=query.wait,
            queue=query.queue,
            realtime=query.pace == "realtime",
            timeout_s=query.timeout_s,
            present=upload.check_sender,
        )
    if query.wait == "reply":
        return reply(request, session, injection.turns, as_audio=as_audio)
    return json_answer(
        {
            "command_id": injection.command_id,
            "accepted_s": round(injection.accepted_s, 3),
            "accepted_bytes": injection.accepted_bytes,
            "queued_s": round(injection.queued_s, 3),
            "format": recording.input,
            "damaged_packets": recording.damaged,
        }
    )


@dataclass(slots=True)
class Upload:
    """The body of a request as it comes in.

    Attributes:
        alive: raises once the session is over; a body that never comes to its first sample must end too.
        limited: its size counts; a live stream without a length may go on as long as the session.
    """

    request: web.Request
    limits: LimitSettings
    alive: Callable[[], None]
    limited: bool

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Pieces of at most ``PIECE_BYTES``, as decoders want them.

        Raises:
            PayloadTooLarge, RequestTimeout: a body with a length is too large, or stalls.
            MalformedRequest: its chunks are not what they say.
            ConnectionResetError: the client left in the middle.
        """
        length = self.request.content_length
        if self.limited and length is not None:
            self._check_size(length)
        await go_on(self.request)
        received = 0
        while chunk := await self._read():
            self.alive()
            received += len(chunk)
            if self.limited:
                self._check_size(received)
            for start in range(0, len(chunk), PIECE_BYTES):
                yield chunk[start : start + PIECE_BYTES]

    def check_sender(self) -> None:
        """Raise ``ConnectionResetError`` when the client has left; aiohttp tells it to whoever reads, and to nobody else."""
        if isinstance(self.request.content.exception(), OSError):
            raise ConnectionResetError("the caller left in the middle of its body")

    async def _read(self) -> bytes:
        """What has arrived; empty at the end. A live stream ends when nothing came for ``limits.audio_stall_s``."""
        try:
            async with asyncio.timeout(self.limits.audio_stall_s):
                return await read_some(self.request)
        except TimeoutError:
            if self.request.content_length is None:
                return b""
            raise RequestTimeout(f"No byte of the body arrived for {self.limits.audio_stall_s:g} s.") from None

    def _check_size(self, n_bytes: int) -> None:
        if n_bytes > self.limits.audio_body_bytes:
            raise PayloadTooLarge(
                f"The body is larger than {self.limits.audio_body_bytes} bytes (limits.audio_body_bytes). "
                "Audio in chunked transfer coding has no limit: curl -T - …",
                extra={"limit": "audio_body_bytes"},
            )


async def bounded(recording: Recording, limits: LimitSettings, *, limited: bool) -> AsyncGenerator[bytes, None]:
    """The recording's audio; one that is too long is refused, before any of it is heard where it says its length itself.

    Raises:
        PayloadTooLarge: it is ``limited`` and longer than ``limits.audio_body_s``.
    """
    async with aclosing(recording.pcm()) as decoded:
        async for pcm in decoded:
            if limited and max(recording.seconds, recording.stated_s) > limits.audio_body_s:
                raise PayloadTooLarge(
                    f"The recording ({recording.input}) is longer than {limits.audio_body_s:g} s (limits.audio_body_s). "
                    "Audio in chunked transfer coding has no limit: curl -T - …",
                    extra={"limit": "audio_body_s"},
                )
            yield pcm


def _route(method: str, example: Example) -> Route:
    return Route(
        method, "/v1/sessions/{id}/audio", inject, "control",
        summary="Inject speech",
        description="Decoded as it arrives and spoken to the session in real time. A body without a length (`curl -T -`) may "
        "go on for hours and ends after 10 s without a byte. Without a content type, or with curl's own, the format is "
        "recognised by its first bytes.",
        query=InjectParameters,
        body=BODIES,
        body_required=True,
        answers={200: (Sent, Turn, SPOKEN_REPLY)},
        errors=(
            InvalidAudio, NothingHeard, SessionBusy, SessionEnded, NotAcceptable, Unavailable,
            UpstreamUnreachable, UpstreamTimeout,
        ),
        example=example,
    )  # fmt: skip


BODIES: Final = (
    Media("audio/wav", "RIFF/WAVE; sizes of 0 or 0xFFFFFFFF (pipes) are normal."),
    Media("audio/flac", "FLAC."),
    Media("audio/ogg", "Ogg with Vorbis, Opus or FLAC."),
    Media("audio/mpeg", "MP3."),
    Media("audio/webm", "WebM with Opus or Vorbis, as browsers record it."),
    Media("audio/mp4", "MP4 (M4A) with AAC, as browsers and telephones record it."),
    Media("audio/aac", "AAC (ADTS)."),
    Media("audio/pcm", "Raw samples: `audio/pcm;encoding=linear16;rate=24000;channels=1`, or the session's input format."),
    Media("application/octet-stream", "Recognised by its first bytes."),
)
ROUTES: Final = (
    _route("POST", Example(curl='curl -H @$S/auth --data-binary @question.wav "$A/v1/sessions/kitchen/audio?wait=reply"')),
    _route("PUT", Example(curl="arecord -f S16_LE -r 16000 | curl -H @$S/auth -T - $A/v1/sessions/kitchen/audio")),
)
