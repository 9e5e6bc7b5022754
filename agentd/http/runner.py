"""Runs the application: aiohttp's runner with our limits, and problem documents for what is not even HTTP.

aiohttp answers requests its parser refuses by itself, before any middleware; the only way to shape those answers is its
protocol class, which its runner does not let one choose. Hence the three small subclasses here.
"""

import asyncio
import resource
import select
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from agentd.config import LimitSettings
from agentd.door.parser import require_compiled_parser
from agentd.errors import AgentdError, InternalError, MalformedRequest
from agentd.http import problems
from agentd.http.deps import DEPS
from agentd.http.headers import SAFE_HEADERS
from agentd.ids import new_request_id
from agentd.metrics import Metrics

_log = structlog.get_logger("agentd.http")

SPARE_DESCRIPTORS: Final = 64
"""Kept for upstream connections, workers and files when clients take all they can get."""

BACKLOG: Final = (16, 256)
"""Fewest and most connections that wait to be accepted. The loop accepts all that wait before it looks at one: where
descriptors are short, they must fit into the spare ones."""

FEWEST: Final = 8
"""Connections there are even where descriptors are short."""

SHUTDOWN_S: Final = 1.0
"""How long open requests may take when the daemon stops; sessions and streams were ended before."""


def make_runner(app: web.Application, limits: LimitSettings) -> "Runner":
    """The runner for ``build_app``'s application; the caller makes the sites.

    Raises:
        ConfigError: aiohttp was told to do without its compiled parser.
    """
    require_compiled_parser()
    runner = Runner(
        app,
        handle_signals=False,
        access_log=None,  # the guard writes one line per request
        keepalive_timeout=limits.request_read_s,  # also aiohttp's deadline for a request's headers
        lingering_time=limits.request_read_s,
        shutdown_timeout=SHUTDOWN_S,
        auto_decompress=False,  # compressed bodies are refused; what nobody reads need not be inflated
        max_line_size=limits.header_line_bytes,
        max_field_size=limits.header_line_bytes,
        max_headers=limits.headers + 1,  # one more, so that the guard answers and says which limit it was
    )
    runner.most = most_connections(limits.connections)
    runner.metrics = app[DEPS].metrics
    return runner


def most_connections(wanted: int) -> int:
    """What the descriptors of this process allow of it. Ask when what else opens files has begun."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(FEWEST, soft - len(list(Path("/proc/self/fd").iterdir())) - SPARE_DESCRIPTORS)
    if most < wanted:
        _log.warning("connections_capped", most=most, wanted=wanted, descriptors=soft, detail="raise LimitNOFILE or ulimit -n")
    return min(wanted, most)


class _Handler(RequestHandler):
    """One connection."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection; when there are too many, the one that has waited longest without a request goes."""
        super().connection_made(transport)
        if isinstance(self._manager, _Server):
            self._manager.hold(self, cast("asyncio.Transport", transport))  # uvloop's is one in all but its class

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone, whoever ended it."""
        if isinstance(self._manager, _Server):
            self._manager.forget(self)
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """True while no request is being answered: none has come yet, or it waits for the next."""
        return self._current_request is None and not self._messages

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what no handler can: a request that is not HTTP, or a failure outside of every middleware."""
        request_id = new_request_id()
        error: AgentdError
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("request_failed", request_id=request_id, exc_info=exc)
            error = InternalError("The daemon failed at this request; its log has the details under this request_id.")
        else:
            _log.info("request_unreadable", request_id=request_id, peer=request.remote, reason=type(exc).__name__)
            if isinstance(self._manager, _Server) and (limit := _limit_of(exc, message)) is not None:
                self._manager.count(limit)
            error = MalformedRequest(f"This is not an HTTP request that can be read: {_first_line(message)}")
        if request.writer.output_size > 0:
            raise ConnectionResetError("an answer has begun; the connection ends instead of a second one")
        problem = problems.response(error, request_id, {"X-Request-ID": request_id, **SAFE_HEADERS})
        response = _Anonymous(status=problem.status, body=problem.body, headers=problem.headers)
        response.force_close()
        return response


class _Anonymous(web.Response):
    """An answer without the name of the software; the application's own lose it on another way, which this one does not go."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


class _Server(web.Server):
    """The protocol factory.

    Attributes:
        most: connections at once.
        metrics: counts what was turned away.
    """

    most = 0
    metrics: Metrics | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: dict[_Handler, asyncio.Transport] = {}

    @property
    def open_now(self) -> int:
        """Connections there are."""
        return len(self._held)

    def hold(self, handler: "_Handler", transport: asyncio.Transport) -> None:
        """A new connection. One more than may be: the oldest one without a request goes, the new one if all have one.

        So nobody keeps others out by connecting and saying nothing, and what is being answered is answered. The one that
        goes gets no answer: that would keep its descriptor.
        """
        self._held[handler] = transport
        if len(self._held) > self.most:
            idle = [one for one in self._held if one.is_idle]
            silent = (one for one in idle if not _has_sent(self._held[one]))
            dropped = next(silent, idle[0] if idle else handler)
            self._held.pop(dropped).abort()
            self.count("connections")

    def forget(self, handler: "_Handler") -> None:
        """A connection is gone."""
        self._held.pop(handler, None)

    def count(self, limit: str) -> None:
        """A limit was reached."""
        if self.metrics is not None:
            self.metrics.limit_reached(limit)

    def __call__(self) -> RequestHandler:
        """A protocol for one connection."""
        return _Handler(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's runner with our server.

    Attributes:
        most: connections at once.
        metrics: counts what was turned away.
    """

    most = 0
    metrics: Metrics | None = None

    @property
    def backlog(self) -> int:
        """Connections that may wait to be accepted."""
        fewest, most = BACKLOG
        return min(most, max(fewest, self.most))

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = _Server(
            made.request_handler,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            **made._kwargs,  # noqa: SLF001 - what AppRunner would have given its own protocol
        )
        server.most = self.most
        server.metrics = self.metrics
        if self.metrics is not None:
            self.metrics.watch_connections(lambda: server.open_now, self.most)
        return server


def _has_sent(transport: asyncio.Transport) -> bool:
    """True when something waits to be read: a request that is on its way in."""
    waiting = select.poll()
    waiting.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _limit_of(exc: BaseException | None, message: str | None) -> str | None:
    """The key of the limit that the parser refused a request for."""
    if isinstance(exc, LineTooLong):
        return "header_line_bytes"
    return "headers" if "Too many headers" in (message or "") else None


def _first_line(message: str | None) -> str:
    return (message or "unknown").strip().splitlines()[0][:200]
