"""Live agent audio as one endless response: ``curl -N … | aplay``."""

import asyncio
from typing import Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.audio.formats import AudioFormat, wav_header
from agentd.audio.pacing import Player
from agentd.audio.resample import UtteranceConverter
from agentd.errors import Conflict, NotAcceptable, SessionEnded
from agentd.http.accept import choose
from agentd.http.deps import DEPS, HttpDeps
from agentd.http.events import write
from agentd.http.holding import hold_little
from agentd.http.queries import AudioFormatParameters
from agentd.http.sessions import session_of
from agentd.http.table import Example, Media, Route
from agentd.sessions.session import Session

WAV: Final = "audio/wav"
RAW: Final = "audio/pcm"
FRAME_S: Final = 0.02
LAST_S: Final = 0.25
"""What is still being heard when the session ends, comes to its end; the rest of a reply does not."""


class ListenParameters(AudioFormatParameters):
    """How to listen."""

    silence: Literal["fill", "drop"] = Field("fill", description="`drop` leaves the gaps between replies out, for files.")


class Ear:
    """One listener; implements ``Listener``."""

    def __init__(self, deps: HttpDeps, session: Session, target: AudioFormat, *, silence: bool) -> None:
        limits = deps.settings.limits
        self.over = False
        self.player = Player(target, asyncio.get_running_loop().time(), silence=silence, most_s=limits.playback_buffer_s)
        self._session = session
        self._target = target
        self._deps = deps
        self._converter = UtteranceConverter(session.output_format, target)

    def agent_audio(self, frame: bytes) -> None:
        """Agent audio, in the session's output format."""
        self._play(self._converter.feed(frame))

    def reply_ended(self) -> None:
        """What the resampler holds is played too."""
        self._play(self._converter.end())

    def cut(self) -> None:
        """A barge-in: what was not yet sent is not heard."""
        self._converter.cut()
        self.player.cut()

    def ended(self) -> None:
        """The session is over."""
        self.player.cut(keep_s=LAST_S)
        self.over = True

    def _play(self, data: bytes) -> None:
        dropped = self.player.put(data)
        if dropped:
            self._deps.hub.drops["http", "audio"] += 1
            self._session.conversation.dropped.note("listener", self._target.duration_s(dropped))


async def listen(request: web.Request) -> web.StreamResponse:
    """``GET …/audio``."""
    deps, query = request.app[DEPS], ListenParameters.of(request)
    session = session_of(request)
    media = choose(request, (WAV, RAW))
    session.check_alive()
    session.check_readable(["out"])
    audio = query.format(session.output_format)
    parameters = "" if media == WAV else f";encoding={audio.encoding};rate={audio.sample_rate};channels=1"
    response = web.StreamResponse(headers={"Content-Type": media + parameters, "X-Accel-Buffering": "no"})
    hold_little(request)
    await response.prepare(request)
    ear = Ear(deps, session, audio, silence=query.silence == "fill")
    detach = session.listeners.attach(ear)
    deps.hub.subscribers["http"] += 1
    try:
        if media == WAV:
            await response.write(wav_header(audio, None))
        await _play(request, response, ear, deps.settings.limits.sse_stall_s)
    finally:
        deps.hub.subscribers["http"] -= 1
        detach()
    return response


async def _play(request: web.Request, response: web.StreamResponse, ear: Ear, stall_s: float) -> None:
    """Write what is due, 50 times a second, until the session is over or the listener is gone."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while request.transport is not None and not request.transport.is_closing():
        heard = ear.player.due(loop.time())
        if heard:
            await write(request, response, heard, stall_s)
        if ear.over and not ear.player.waiting_bytes:
            return
        due = max(due + FRAME_S, loop.time())
        await asyncio.sleep(due - loop.time())


ROUTES: Final = (
    Route(
        "GET", "/v1/sessions/{id}/audio", listen, "transcripts",
        summary="Listen to the agent, live",
        description="One endless response in real time, until the session ends. A barge-in cuts what was not yet sent. A client "
        "that takes nothing for `limits.sse_stall_s` is cut off.",
        query=ListenParameters,
        answers={
            200: (
                Media(WAV, "A WAV stream whose header does not say its length."),
                Media(RAW, "The samples alone; the content type says their format."),
            )
        },
        errors=(SessionEnded, Conflict, NotAcceptable),
        stream=True,
        example=Example(curl="curl -N -H @$S/auth $A/v1/sessions/kitchen/audio | aplay"),
    ),
)  # fmt: skip
