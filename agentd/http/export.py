"""A run as one file."""

import asyncio
from typing import Final

from aiohttp import web

from agentd.errors import NotAcceptable
from agentd.http.accept import choose
from agentd.http.deps import DEPS
from agentd.http.sessions import run_of
from agentd.http.table import Example, Media, Route
from agentd.sessions.export import exported

ZIP: Final = "application/zip"


async def export(request: web.Request) -> web.StreamResponse:
    """``GET …/export``."""
    run = await run_of(request)
    choose(request, (ZIP,))
    deps = request.app[DEPS]
    await deps.store.flushed()
    name = f"{run.id}-{run.run_id}.zip"
    response = web.StreamResponse(headers={"Content-Type": ZIP, "Content-Disposition": f'attachment; filename="{name}"'})
    await response.prepare(request)
    async for chunk in exported(run, deps.store):
        try:
            async with asyncio.timeout(deps.settings.limits.sse_stall_s):
                await response.write(chunk)
        except TimeoutError:
            raise ConnectionResetError("the reader took nothing") from None
    return response


ROUTES: Final = (
    Route(
        "GET", "/v1/sessions/{id}/export", export, "transcripts",
        summary="Everything known of a run, as one zip",
        description=(
            "`session.json`, `settings.json` (without secrets), `transcript.json` and `.txt`, `turns.jsonl`, `calls.jsonl`, "
            "`latencies.csv`, `events.jsonl`, the recording and the turns' audio where there are any, and `manifest.json` with "
            "each file's size and SHA-256. A live run is exported up to now. Sent as it is made, whatever its size."
        ),
        answers={200: Media(ZIP, "The bundle.")},
        errors=(NotAcceptable,),
        example=Example(curl="curl -H @$S/auth -OJ $A/v1/sessions/kitchen/export"),
    ),
)  # fmt: skip
