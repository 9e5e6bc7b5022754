"""What became of a conversation: transcript, turns, calls."""

from datetime import datetime
from typing import Any, Final

from aiohttp import web

from agentd.audio.formats import wav_header
from agentd.errors import CallNotFound, NotAcceptable, TurnNotFound
from agentd.http.accept import choose
from agentd.http.answers import json_answer, page
from agentd.http.deps import DEPS, sees_words
from agentd.http.events import write
from agentd.http.models import CallOfTurn, Listing, TranscriptLine
from agentd.http.models import Turn as TurnModel
from agentd.http.queries import Page
from agentd.http.replies import WAV, wav
from agentd.http.sessions import run_of
from agentd.http.table import Example, Media, Route
from agentd.sessions.runs import KeptRun, turn_of
from agentd.sessions.spoken import Spoken, spoken

_SPEAKERS = {"user": "User", "assistant": "Agent"}
_SECONDS_PER_WORD = 0.4
"""How long a caption stays: about 150 words a minute, as people speak."""


async def transcript(request: web.Request) -> web.Response:
    """``GET …/transcript`` as JSON, text or WebVTT captions."""
    query = Page.of(request)
    run = await run_of(request)
    lines = await run.transcript()
    match choose(request, ("application/json", "text/plain", "text/vtt")):
        case "text/plain":
            return web.Response(text=_plain(lines), content_type="text/plain", charset="utf-8")
        case "text/vtt":
            return web.Response(text=_captions(lines, run.started_at), content_type="text/vtt", charset="utf-8")
        case _:
            numbered = list(enumerate(lines))
            shown, cursor = page(numbered, query, key=lambda line: f"{line[0]:08d}")
            return json_answer({"items": [line for _, line in shown], "next": cursor})


async def turns(request: web.Request) -> web.Response:
    """``GET …/turns``."""
    query = Page.of(request)
    turns = await (await run_of(request)).turns(words=sees_words(request))
    shown, cursor = page(turns, query, key=lambda turn: f"{turn['n']:08d}")
    return json_answer({"items": shown, "next": cursor})


async def turn(request: web.Request) -> web.Response:
    """``GET …/turns/{n}``."""
    return json_answer(await turn_of(await run_of(request), _number_of(request), words=sees_words(request)))


async def turn_audio(request: web.Request) -> web.StreamResponse:
    """``GET …/turns/{n}/audio``: what the agent said, as WAV."""
    run, n = await run_of(request), _number_of(request)
    await turn_of(run, n, words=False)
    choose(request, (WAV,))
    if isinstance(run, KeptRun):
        kept = next((turn for turn in run.session.turns if turn.n == n and turn.audio), None)
        if kept is not None:
            return wav(run.session, kept)
    deps = request.app[DEPS]
    await deps.store.flushed()
    found = await spoken(run, deps.store, n)
    if found is None:
        raise TurnNotFound(f"Turn {n} has no audio: nothing was said in it, or it is no longer kept.")
    return await _send_spoken(request, found)


async def calls(request: web.Request) -> web.Response:
    """``GET …/calls``."""
    query = Page.of(request)
    numbered = list(enumerate(await (await run_of(request)).calls(words=sees_words(request))))
    shown, cursor = page(numbered, query, key=lambda call: f"{call[0]:08d}")
    return json_answer({"items": [call for _, call in shown], "next": cursor})


async def call(request: web.Request) -> web.Response:
    """``GET …/calls/{call_id}``."""
    wanted = request.match_info["call_id"]
    for found in await (await run_of(request)).calls(words=sees_words(request)):
        if found["call_id"] == wanted:
            return json_answer(found)
    raise CallNotFound(f"There is no call {wanted[:80]!r} in this session.")


async def _send_spoken(request: web.Request, found: Spoken) -> web.StreamResponse:
    """A span of a recording, piece by piece."""
    stall_s = request.app[DEPS].settings.limits.sse_stall_s
    header = wav_header(found.format, found.pcm_bytes)
    response = web.StreamResponse(headers={"Content-Type": WAV})
    response.content_length = len(header) + found.pcm_bytes
    await response.prepare(request)
    await write(request, response, header, stall_s)
    at = 0
    while piece := await found.piece(at):
        await write(request, response, piece, stall_s)
        at += len(piece)
    if at < found.pcm_bytes:
        raise ConnectionResetError("the recording was erased")
    return response


def _number_of(request: web.Request) -> int:
    n = request.match_info["n"]
    if not (n.isascii() and n.isdigit() and len(n) < 10):
        raise TurnNotFound(f"Turns have numbers; {n[:40]!r} is none.")
    return int(n)


def _plain(lines: list[dict[str, Any]]) -> str:
    return "".join(f"{_SPEAKERS.get(line['role'], line['role'])}: {_one_line(line['text'])}\n" for line in lines)


def _captions(lines: list[dict[str, Any]], started_at: float) -> str:
    """WebVTT (W3C): a caption begins when it was said and ends with the next one, or when it can be read."""
    starts = [max(0.0, datetime.fromisoformat(line["time"]).timestamp() - started_at) for line in lines]
    cues = ["WEBVTT\n"]
    for i, line in enumerate(lines):
        end = starts[i] + max(1.0, _SECONDS_PER_WORD * len(line["text"].split()))
        if i + 1 < len(starts) and starts[i + 1] > starts[i]:
            end = min(end, starts[i + 1])
        text = _one_line(line["text"]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"\n{_clock(starts[i])} --> {_clock(end)}\n<v {_SPEAKERS.get(line['role'], line['role'])}>{text}\n")
    return "".join(cues)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


_SESSION: Final = "/v1/sessions/{id}"

ROUTES: Final = (
    Route(
        "GET", _SESSION + "/transcript", transcript, "transcripts",
        summary="What was said",
        description="JSON, plain text or WebVTT captions, by the Accept header.",
        query=Page,
        answers={
            200: (
                Listing[TranscriptLine],
                Media("text/plain", "A line for everything said: `User: …`, `Agent: …`."),
                Media("text/vtt", "Captions (WebVTT)."),
            )
        },
        example=Example(curl="curl -H @$S/auth -H 'Accept: text/plain' $A/v1/sessions/kitchen/transcript"),
    ),
    Route(
        "GET", _SESSION + "/turns", turns, "read",
        summary="List the turns",
        query=Page,
        answers={200: Listing[TurnModel]},
    ),
    Route(
        "GET", _SESSION + "/turns/{n}", turn, "read",
        summary="Show a turn",
        answers={200: TurnModel},
        errors=(TurnNotFound,),
    ),
    Route(
        "GET", _SESSION + "/turns/{n}/audio", turn_audio, "transcripts",
        summary="What the agent said in a turn, as WAV",
        description="From memory, or cut out of the recording where there is one.",
        answers={200: Media(WAV, "The session's output format, or the recording's.")},
        errors=(TurnNotFound, NotAcceptable),
        example=Example(curl="curl -H @$S/auth -o reply.wav $A/v1/sessions/kitchen/turns/1/audio"),
    ),
    Route(
        "GET", _SESSION + "/calls", calls, "read",
        summary="List the function calls",
        query=Page,
        answers={200: Listing[CallOfTurn]},
    ),
    Route(
        "GET", _SESSION + "/calls/{call_id}", call, "read",
        summary="Show a function call",
        answers={200: CallOfTurn},
        errors=(CallNotFound,),
    ),
)  # fmt: skip
