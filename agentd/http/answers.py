"""Answers: JSON, lists with cursors, files."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web
from aiohttp.helpers import ETag

from agentd.errors import FieldError, InvalidRequest
from agentd.http.queries import Page

ItemT = TypeVar("ItemT")

CONDITIONAL: Final = {"If-None-Match": "The ETag of what the caller has; 304 when it is still the same."}
"""The request header that ``unless_known`` looks at, for the table of routes."""


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """``value`` as JSON."""
    return web.Response(
        status=status, body=orjson.dumps(value, default=str) + b"\n", content_type="application/json", headers=dict(headers or {})
    )


def unless_known(request: web.Request, content: bytes, media: str) -> web.Response:
    """The content of a file, or 304 for a browser that has it (RFC 9110, section 13.1.2)."""
    tag = ETag(hashlib.sha256(content).hexdigest()[:32])
    known = tag in (request.if_none_match or ())
    response = web.Response(status=304) if known else web.Response(body=content, content_type=media, charset="utf-8")
    response.etag = tag
    response.headers["Cache-Control"] = "no-cache"
    return response


def page(
    items: Sequence[ItemT], query: Page, *, key: Callable[[ItemT], str], descending: bool = False
) -> tuple[Sequence[ItemT], str | None]:
    """One page of ``items`` and the cursor of the next.

    The cursor names the last item shown, so that a page stays right when items are added or go away.

    Args:
        items: sorted by ``key``.
        query: says which page.
        key: unique among the items, never changes, and sorts as text.
        descending: the items are sorted the other way round.
    """
    start = 0
    if query.cursor is not None:
        last = _decoded(query.cursor)
        start = next((i for i, item in enumerate(items) if (key(item) < last if descending else key(item) > last)), len(items))
    shown = items[start : start + query.limit]
    more = start + query.limit < len(items)
    return shown, _encoded(key(shown[-1])) if more else None


def position(query: Page) -> str | None:
    """The key of the last item shown; None at the beginning."""
    return None if query.cursor is None else _decoded(query.cursor)


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise InvalidRequest(
            "The cursor is not one of this list; begin without it.", errors=[FieldError("?cursor", "unknown")]
        ) from None
