"""Turns on the wire: as JSON, and a reply's audio as WAV."""

from collections.abc import Sequence

from aiohttp import web

from agentd.audio.formats import wav_header
from agentd.door import require
from agentd.errors import InvalidRequest, NotAcceptable
from agentd.http.accept import choose
from agentd.http.answers import json_answer
from agentd.http.deps import IDENTITY, sees_words
from agentd.http.table import Media
from agentd.sessions.records import Turn
from agentd.sessions.session import Session

WAV = "audio/wav"
SPOKEN_REPLY = Media(WAV, "With `?wait=reply`: what the agent said, in the session's output format.")


def prefers_audio(request: web.Request, *, waits: bool) -> bool:
    """True when the caller wants the reply's audio; asked before anything is done.

    Args:
        request: the request.
        waits: the call waits for the reply, so there can be one.

    Raises:
        NotAcceptable: the ``Accept`` header takes neither JSON nor WAV.
        InvalidRequest: audio is asked for, but the call does not wait for it.
        Forbidden: speech is words, and the token may not read them.
    """
    if choose(request, ("application/json", WAV)) != WAV:
        return False
    if not waits:
        raise InvalidRequest("Accept: audio/wav asks for the reply's audio; add ?wait=reply.")
    require(request[IDENTITY], "transcripts")
    return True


def reply(request: web.Request, session: Session, turns: Sequence[Turn], *, as_audio: bool) -> web.Response:
    """The last of ``turns``, as JSON or as its audio; several are named in ``turns``."""
    last = turns[-1]
    if as_audio:
        return wav(session, last)
    view = session.turn_view(last, words=sees_words(request))
    if len(turns) > 1:
        view["turns"] = [turn.n for turn in turns]
    return json_answer(view)


def wav(session: Session, turn: Turn) -> web.Response:
    """What the agent said in this turn, in the session's output format.

    Raises:
        NotAcceptable: there is no audio of it (any more).
    """
    audio = bytes(turn.audio)
    if not audio:
        raise NotAcceptable(
            f"Turn {turn.n} has no audio: the agent said nothing (outcome {turn.outcome}), or it is no longer kept. "
            "Accept: application/json shows the turn.",
            extra={"turn": turn.n},
        )
    return web.Response(body=wav_header(session.output_format, len(audio)) + audio, content_type=WAV)
