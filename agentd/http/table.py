"""What a route declares of itself: one row tells the router, the guard and the OpenAPI document the same thing.

A handler module ends with its rows, ``ROUTES: Final = (Route(…), …)``, and ``routes.py`` names the module. A row without a
summary or without answers does not construct, so a handler without models cannot be served. To add a route:

1. beside the handler, a ``Parameters`` class for its query (``queries.py``), a ``Body`` class for its JSON body
   (``bodies.py``) and an ``Answer`` class for what it answers (``models.py`` has those that several routes share);
2. a row in the module's ``ROUTES``, with the error classes that this handler itself may raise: what the guard and the
   readers of query and body raise is added here;
3. in the handler, ``query = MyParameters.of(request)`` and ``body = await read_model(request, MyBody)``.

The guard has checked the query against the row before the handler runs, whether the handler looks at it or not. Tests hold
every answer they get against the row: its status, its body, its problem code.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel

from agentd.errors import (
    AgentdError,
    Forbidden,
    ForbiddenHost,
    ForbiddenOrigin,
    InternalError,
    InvalidRequest,
    MalformedRequest,
    NotAcceptable,
    PayloadTooLarge,
    RequestTimeout,
    SessionNotFound,
    TlsRequired,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
    UpstreamAuth,
    UpstreamBusy,
    UpstreamPayment,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from agentd.http.queries import Parameters

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorType = type[AgentdError]

ANY: Final = "any"
"""The scope of a route that every token may use."""

UPSTREAM: Final[tuple[ErrorType, ...]] = (
    UpstreamUnreachable, UpstreamAuth, UpstreamPayment, UpstreamRefused, UpstreamBusy, UpstreamTimeout,
)  # fmt: skip
"""What a call that reaches the upstream may end in."""

_EVERYWHERE: Final[tuple[ErrorType, ...]] = (
    MalformedRequest, ForbiddenHost, ForbiddenOrigin, TlsRequired, InvalidRequest, UnsupportedMediaType, InternalError,
)  # fmt: skip
_WITH_TOKEN: Final[tuple[ErrorType, ...]] = (Unauthorized, Forbidden, TooManyRequests)
_WITH_BODY: Final[tuple[ErrorType, ...]] = (RequestTimeout, PayloadTooLarge)

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is no JSON object of ours.

    Attributes:
        name: its media type.
        description: what is in it.
        model: what is in it, where that has a model.
    """

    name: str
    description: str
    model: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Status 101: the connection becomes a WebSocket.

    Attributes:
        description: what its frames are, both ways.
    """

    description: str


Shape = type[BaseModel] | Media | Upgrade | None
"""One form of an answer; None: no body."""


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A placeholder of a path.

    Attributes:
        description: what it names.
        example: one that the examples use.
        schema: JSON Schema of the text.
    """

    description: str
    example: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


PATH_PARAMETERS: Final[Mapping[str, PathParameter]] = {
    "id": PathParameter(
        "A session: its name stands for the latest run of that name, a `run_id` for any run.",
        "kitchen",
        {"type": "string", "pattern": "^([a-z0-9][a-z0-9_-]{0,63}|[0-9A-HJKMNP-TV-Z]{26})$"},
    ),
    "n": PathParameter("The number of a turn, from 1.", "1", {"type": "integer", "minimum": 1}),
    "call_id": PathParameter("The id of a function call.", "call_1"),
    "name": PathParameter("A name from the list.", "default"),
    "code": PathParameter("The code of a problem.", "session-not-found"),
    "file": PathParameter("A file of the page.", "docs.js"),
    "part": PathParameter("A file of the console.", "main.js"),
    "folder": PathParameter("A folder of the console.", "views"),
    "member": PathParameter("A file in that folder.", "theme.js"),
}
"""Every placeholder a path may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """How the route is used with curl, as a person types it.

    Attributes:
        body: the JSON body.
        query: what follows the path, such as ``?wait=reply``.
        path: values of placeholders that differ from ``PATH_PARAMETERS``.
        curl: the whole command where the rest does not say it; ``$A`` and ``$S`` are set by ``agentd env``.
    """

    body: Any = None
    query: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    curl: str | None = None


def handshake(path: str) -> Example:
    """A WebSocket opened by curl, which shows what comes; the token is in a file, not in the arguments of a process."""
    upgrade = (
        "-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' "
        "-H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=='"
    )
    return Example(curl=f'curl -N -o - --http1.1 -H @$S/auth {upgrade} "$A{path}"')


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    Attributes:
        path: a template; the label of the metrics.
        scope: what the token must allow, or ``ANY``; None: open to everybody who passes the Host and Origin checks.
        summary: what it does, in a few words, for a list of routes.
        answers: what it answers, by status; several forms of one status in a tuple, JSON first.
        description: what else a caller must know (CommonMark).
        query: its parameters; one it does not name is refused.
        headers: request headers it looks at, with what they mean.
        body: its JSON body (a ``Body``), the media types it takes, or both; None: it takes none.
        body_required: a request without a body is refused.
        errors: what the handler raises, besides what every route of its kind may.
        compatible: also take tokens as Voice Agent clients send them (``Token``, WebSocket subprotocol).
        stream: the answer has no end of its own, so HEAD does not begin it.
        example: for the document; None: the path alone.
    """

    method: str
    path: str
    handler: Handler
    scope: str | None
    summary: str = field(kw_only=True)
    answers: Mapping[int, Shape | tuple[Shape, ...]] = field(kw_only=True)
    description: str = field(default="", kw_only=True)
    query: type[Parameters] = field(default=Parameters, kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    body: type[BaseModel] | Media | tuple[type[BaseModel] | Media, ...] | None = field(default=None, kw_only=True)
    body_required: bool = field(default=False, kw_only=True)
    errors: tuple[ErrorType, ...] = field(default=(), kw_only=True)
    compatible: bool = field(default=False, kw_only=True)
    stream: bool = field(default=False, kw_only=True)
    example: Example | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse a row that does not say what it does."""
        where = f"{self.method} {self.path}"
        if not self.summary or not self.answers:
            raise TypeError(f"{where} has no summary or no answers")
        unknown = [name for name in self.placeholders if name not in PATH_PARAMETERS]
        if unknown:
            raise TypeError(f"{where} has placeholders that PATH_PARAMETERS does not describe: {unknown}")
        if any(status >= 400 and _is_model(shapes) for status, shapes in self.answers.items() if status != 503):
            raise TypeError(f"{where} declares a failure as an answer; failures are problems, listed in errors")

    @property
    def placeholders(self) -> list[str]:
        """The names in braces, in order."""
        return _PLACEHOLDER.findall(self.path)

    @property
    def bodies(self) -> tuple[type[BaseModel] | Media, ...]:
        """The forms of its body."""
        if self.body is None:
            return ()
        return self.body if isinstance(self.body, tuple) else (self.body,)

    @property
    def tag(self) -> str:
        """The handler's module, under which the document lists it."""
        return self.handler.__module__.rpartition(".")[2]

    def shapes(self, status: int) -> tuple[Shape, ...]:
        """The forms of the answer with this status; empty when it gives none."""
        shapes = self.answers.get(status, ())
        return shapes if isinstance(shapes, tuple) else (shapes,)

    @property
    def problems(self) -> dict[str, ErrorType]:
        """Every error it may answer, by code."""
        kinds: list[ErrorType] = [*_EVERYWHERE, *self.errors]
        if self.scope is not None:
            kinds += _WITH_TOKEN
        else:
            kinds += [Unauthorized, TooManyRequests]  # a token that is sent is checked
        if self.bodies:
            kinds += _WITH_BODY
        if any(len(self.shapes(status)) > 1 for status in self.answers):
            kinds.append(NotAcceptable)
        if "id" in self.placeholders:
            kinds.append(SessionNotFound)
        return {kind.code: kind for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))}


def _is_model(shapes: Shape | tuple[Shape, ...]) -> bool:
    return any(isinstance(shape, type) for shape in (shapes if isinstance(shapes, tuple) else (shapes,)))


ROUTE: Final = web.RequestKey("route", Route)
"""The row of the request being answered."""
