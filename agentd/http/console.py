"""The console: one page of static files (``agentd/console``). It holds no state; what it shows comes through the API."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

from agentd.errors import NotFound
from agentd.http.answers import CONDITIONAL, unless_known
from agentd.http.queries import Anything
from agentd.http.table import Example, Media, Route

FOLDER: Final = Path(__file__).parents[1] / "console"
PAGE: Final = "index.html"

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere: what a transcript holds stays text, and the token has nowhere to go."""

_PERMISSIONS: Final = "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), payment=()"

_KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def page(request: web.Request) -> web.Response:
    """``GET /console``."""
    return await _answer(request, PAGE)


async def part(request: web.Request) -> web.Response:
    """``GET /console/{part}`` and ``/console/{folder}/{member}``: a style sheet, a module, an icon."""
    return await _answer(request, "/".join(request.match_info.values()))


@cache
def files() -> Mapping[str, bytes]:
    """Every file by its name below ``/console/``: read once, so that no part of a URL ever becomes a path."""
    return dict(_read())


def _read() -> Iterator[tuple[str, bytes]]:
    for path in FOLDER.rglob("*"):
        if path.suffix in _KINDS and path.is_file():
            yield path.relative_to(FOLDER).as_posix(), path.read_bytes()


async def _answer(request: web.Request, name: str) -> web.Response:
    content = (await asyncio.to_thread(files)).get(name)
    if content is None:
        raise NotFound("The console has no such file; its page is at /console.")
    response = unless_known(request, content, _KINDS[Path(name).suffix])
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Permissions-Policy"] = _PERMISSIONS
    return response


_PARTS: Final = (
    Media("text/javascript", "A module of the page."),
    Media("text/css", "Its styles."),
    Media("image/svg+xml", "Its icon."),
    Media("text/html", "The page itself."),
)

ROUTES: Final = (
    Route(
        "GET", "/console", page, None,
        summary="The console: a page to talk to agents and to watch them",
        description="The page asks for a token and holds it in its memory alone. It needs nothing from elsewhere.",
        query=Anything,
        headers=CONDITIONAL,
        answers={200: Media("text/html", "The page."), 304: None},
        example=Example(curl="xdg-open $A/console"),
    ),
    Route(
        "GET", "/console/{part}", part, None,
        summary="What the console loads",
        query=Anything,
        headers=CONDITIONAL,
        answers={200: _PARTS, 304: None},
        errors=(NotFound,),
        example=Example(curl="curl $A/console/main.js"),
    ),
    Route(
        "GET", "/console/{folder}/{member}", part, None,
        summary="What the console loads, by folder",
        query=Anything,
        headers=CONDITIONAL,
        answers={200: _PARTS, 304: None},
        errors=(NotFound,),
        example=Example(curl="curl $A/console/views/theme.js"),
    ),
)  # fmt: skip
