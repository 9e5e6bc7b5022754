"""The contract to read: the OpenAPI document, and a page that shows it and tries it out, without the internet.

The page is Swagger UI as npm has it, its version pinned in ``reader/package.json``; ``make reader`` fetches it anew.
"""

from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

from agentd.errors import NotFound
from agentd.http.answers import CONDITIONAL, unless_known
from agentd.http.bodies import JSON
from agentd.http.queries import Anything
from agentd.http.table import Example, Media, Route

DOCUMENT: Final = web.AppKey("document", bytes)
"""The OpenAPI document of this application's routes."""

READER: Final = Path(__file__).parent / "reader"

_FILES: Final = {
    "docs.css": "text/css",
    "docs.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
}
"""What the page loads; nothing else of the folder is served."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For the page alone: its own files and this daemon, no inline script, no other site."""


async def document(request: web.Request) -> web.Response:
    """``GET /openapi.json``."""
    return unless_known(request, request.app[DOCUMENT], JSON)


async def page(request: web.Request) -> web.Response:
    """``GET /docs``."""
    response = unless_known(request, _content("docs.html"), "text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def file(request: web.Request) -> web.Response:
    """``GET /docs/{file}``."""
    name = request.match_info["file"]
    if name not in _FILES:
        raise NotFound(f"The page has no file {name[:60]!r}; it is at /docs.")
    return unless_known(request, _content(name), _FILES[name])


@cache
def _content(name: str) -> bytes:
    """A file of the page: 2 MB in all, read once."""
    return (READER / name).read_bytes()


ROUTES: Final = (
    Route(
        "GET", "/openapi.json", document, None,
        summary="This document",
        query=Anything,
        headers=CONDITIONAL,
        answers={200: Media(JSON, "OpenAPI 3.1."), 304: None},
        example=Example(curl="curl $A/openapi.json"),
    ),
    Route(
        "GET", "/docs", page, None,
        summary="A page to read this document and to try it out",
        query=Anything,
        headers=CONDITIONAL,
        answers={200: Media("text/html", "It needs nothing from elsewhere."), 304: None},
        example=Example(curl="xdg-open $A/docs"),
    ),
    Route(
        "GET", "/docs/{file}", file, None,
        summary="What that page loads",
        query=Anything,
        headers=CONDITIONAL,
        answers={200: (Media("text/javascript", "Its scripts."), Media("text/css", "Its styles.")), 304: None},
        errors=(NotFound,),
        example=Example(curl="curl $A/docs/docs.js"),
    ),
)  # fmt: skip
