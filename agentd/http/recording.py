"""The recording of a session: stereo WAV with range requests (RFC 9110, section 14), while it grows and afterwards."""

import asyncio
import contextlib
import re
from typing import Final

from aiohttp import web

from agentd.audio.formats import AudioFormat, wav_header
from agentd.audio.tape_file import TapeReader
from agentd.errors import RangeNotSatisfiable, RecordingNotFound
from agentd.http import problems
from agentd.http.deps import DEPS, REQUEST_ID
from agentd.http.events import write
from agentd.http.sessions import run_of
from agentd.http.table import Example, Media, Route
from agentd.store import Store

WAV: Final = "audio/wav"
PIECE_BYTES: Final = 1 << 19
"""What is decoded at a time: 5 s of 24 kHz stereo."""
_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


async def recording(request: web.Request) -> web.StreamResponse:
    """``GET …/recording``."""
    run_id = (await run_of(request)).run_id
    found = await asyncio.to_thread(_find, request.app[DEPS].store, run_id)
    header = wav_header(AudioFormat("linear16", found.sample_rate), found.pcm_bytes, channels=2)
    total = len(header) + found.pcm_bytes
    tag = f'"{run_id}-{found.samples}"'
    headers = {"Content-Type": WAV, "Accept-Ranges": "bytes", "ETag": tag, "Recording-Started-At": found.started}
    try:
        wanted = wanted_range(request.headers.get("Range"), total) if request.headers.get("If-Range", tag) == tag else None
    except RangeNotSatisfiable as error:
        return problems.response(error, request[REQUEST_ID], {"Content-Range": f"bytes */{total}"})
    start, end = wanted or (0, total)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
    response.content_length = end - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(request, response, found, header, (start, end))
    return response


def _find(store: Store, run_id: str) -> TapeReader:
    """The recording of a run, finished or not; looks at the disk."""
    path = store.recordings.find(run_id)
    if path is not None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return TapeReader.open(path)
    raise RecordingNotFound(f"Run {run_id} has no recording: start a session with record: true, or set [store] record_audio.")


async def _send(
    request: web.Request, response: web.StreamResponse, found: TapeReader, header: bytes, span: tuple[int, int]
) -> None:
    """The bytes of header and samples from the first of ``span`` to before the second."""
    stall_s = request.app[DEPS].settings.limits.sse_stall_s
    start, end = span
    if start < len(header):
        await write(request, response, header[start:end], stall_s)
    at, last = max(0, start - len(header)), end - len(header)
    while at < last:
        pcm = await asyncio.to_thread(found.pcm, at, min(at + PIECE_BYTES, last))
        if not pcm:
            raise ConnectionResetError("the recording was erased")
        await write(request, response, pcm, stall_s)
        at += len(pcm)


def wanted_range(header: str | None, total: int) -> tuple[int, int] | None:
    """The bytes that a Range header asks for, from the first to before the second.

    Returns:
        None for everything: no header, another unit, several ranges (RFC 9110 lets a server ignore those).

    Raises:
        RangeNotSatisfiable: none of those bytes are there.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, total - int(last))  # "-500" are the last 500
    if start >= total:
        raise RangeNotSatisfiable(f"The recording has {total} bytes so far.")
    return start, min(total, int(last) + 1) if first and last else total


_STEREO: Final = Media(WAV, "16 bit stereo: left the user, right the agent as heard, on one timeline.")

ROUTES: Final = (
    Route(
        "GET", "/v1/sessions/{id}/recording", recording, "transcripts",
        summary="The recording of a session, as stereo WAV",
        description="Left the user, right the agent as it was heard: what a barge-in cut is not in it. While the session goes "
        "on, what there is so far. `Recording-Started-At` says when its first sample was.",
        headers={"Range": "One range of bytes.", "If-Range": "The ETag that the range is meant for."},
        answers={200: _STEREO, 206: _STEREO},
        errors=(RecordingNotFound, RangeNotSatisfiable),
        example=Example(curl="curl -H @$S/auth -o call.wav $A/v1/sessions/kitchen/recording"),
    ),
)  # fmt: skip
