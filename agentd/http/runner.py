"""Runs the application: aiohttp's runner with our limits, and problem documents for what is not even HTTP.

aiohttp answers requests its parser refuses by itself, before any middleware; the only way to shape those answers is its
protocol class, which its runner does not let one choose. Hence the three small subclasses here.
"""

import asyncio
import resource
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from agentd.config import LimitSettings
from agentd.errors import AgentdError, InternalError, MalformedRequest
from agentd.http import problems
from agentd.ids import new_request_id

_log = structlog.get_logger("agentd.http")

SPARE_DESCRIPTORS = 128
"""Kept for upstream connections, workers and files when clients take all they can get."""

SHUTDOWN_S = 1.0
"""How long open requests may take when the daemon stops; sessions and streams were ended before."""


def make_runner(app: web.Application, limits: LimitSettings) -> web.AppRunner:
    """The runner for ``build_app``'s application; the caller makes the sites."""
    runner = _Runner(
        app,
        handle_signals=False,
        access_log=None,  # the guard writes one line per request
        keepalive_timeout=limits.request_read_s,  # also aiohttp's deadline for a request's headers
        shutdown_timeout=SHUTDOWN_S,
        auto_decompress=False,  # compressed bodies are refused; what nobody reads need not be inflated
        max_line_size=limits.header_line_bytes,
        max_field_size=limits.header_line_bytes,
        max_headers=limits.headers + 1,  # one more, so that the guard answers and says which limit it was
    )
    runner.most = min(limits.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS)
    return runner


class _Handler(RequestHandler):
    """One connection."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, or drop it at once when there are too many: an answer would keep its descriptor."""
        super().connection_made(transport)
        if isinstance(self._manager, _Server) and self._manager.is_full and isinstance(transport, asyncio.Transport):
            transport.abort()

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
            error = MalformedRequest(f"This is not an HTTP request that can be read: {_first_line(message)}")
        if request.writer.output_size > 0:
            raise ConnectionResetError("an answer has begun; the connection ends instead of a second one")
        response = problems.response(error, request_id, {"X-Request-ID": request_id, "Server": "agentd"})
        response.force_close()
        return response


class _Server(web.Server):
    """The protocol factory.

    Attributes:
        most: connections at once.
    """

    most = 0

    @property
    def is_full(self) -> bool:
        """True when there is one connection more than may be."""
        return len(self._connections) > self.most

    def __call__(self) -> RequestHandler:
        """A protocol for one connection."""
        return _Handler(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    most = 0

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = _Server(
            made.request_handler,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            **made._kwargs,  # noqa: SLF001 - what AppRunner would have given its own protocol
        )
        server.most = self.most
        return server


def _first_line(message: str | None) -> str:
    return (message or "unknown").strip().splitlines()[0][:200]
