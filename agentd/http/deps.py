"""What the handlers stand on, and where they find it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from agentd.audio.codecs import Codecs
from agentd.config import Changes, Settings
from agentd.door import Door, Identity, TokenStore
from agentd.errors import Unavailable
from agentd.functions.service import Functions
from agentd.http.rates import StartRate
from agentd.hub import Hub
from agentd.metrics import Metrics
from agentd.sessions.manager import Manager
from agentd.store import Store


@dataclass(frozen=True, slots=True)
class Readiness:
    """What ``/readyz`` answers.

    Attributes:
        reason: a stable code such as ``engine-starting``; None when ready.
        details: shown to tokens with scope ``read``.
    """

    ready: bool
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


async def _no_file() -> Changes:
    raise Unavailable("This daemon was not started from a configuration that could be read again.")


@dataclass(slots=True, kw_only=True)
class HttpDeps:
    """Everything the control API needs; made by ``app.py``.

    Attributes:
        settings: what is in effect; a reload replaces it.
        reload: reads the configuration again and takes it, all or nothing.
        readiness: asked at every ``/readyz``; must not wait or dial.
    """

    settings: Settings
    manager: Manager
    functions: Functions
    door: Door
    tokens: TokenStore
    metrics: Metrics
    hub: Hub
    readiness: Callable[[], Readiness]
    store: Store
    reload: Callable[[], Awaitable[Changes]] = _no_file


DEPS: Final = web.AppKey("deps", HttpDeps)
CODECS: Final = web.AppKey("codecs", Codecs)
STARTS: Final = web.AppKey("starts", StartRate)
REQUEST_ID: Final = web.RequestKey("request_id", str)
IDENTITY: Final = web.RequestKey("identity", Identity)
STARTED: Final = web.RequestKey("started", web.StreamResponse)
"""The response whose head is already on the wire; nothing else may be sent for the request then."""


def identity_of(request: web.Request) -> Identity | None:
    """Who sent the request; None on an open route without a token."""
    return request.get(IDENTITY)


def sees_words(request: web.Request) -> bool:
    """True when the token may read what is said, heard and passed to functions."""
    identity = identity_of(request)
    return identity is not None and identity.allows("transcripts")
