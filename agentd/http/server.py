"""Builds the application: the table of routes behind one guard, and the headers every answer has."""

from functools import cache

import structlog
from aiohttp import web

from agentd.audio.codecs import Codecs
from agentd.config import Settings
from agentd.http.deps import CODECS, DEPS, REQUEST_ID, STARTED, STARTS, HttpDeps, Readiness
from agentd.http.docs import DOCUMENT
from agentd.http.guard import Guard, expect
from agentd.http.headers import SAFE_HEADERS
from agentd.http.openapi import render
from agentd.http.rates import StartRate
from agentd.http.routes import ROUTES
from agentd.http.table import ROUTE

__all__ = ["HttpDeps", "Readiness", "build_app"]

_log = structlog.get_logger("agentd.http")


def build_app(deps: HttpDeps) -> web.Application:
    """The control API; the caller runs it on sockets of its choice.

    The runner's ``keepalive_timeout`` is the deadline for request headers; ``client_max_size`` does not bound streamed
    bodies, which the handlers count themselves.
    """
    guard = Guard(deps)
    app = web.Application(middlewares=[guard.middleware], client_max_size=deps.settings.limits.json_body_bytes)
    app[DEPS] = deps
    app[DOCUMENT] = _document()
    app[CODECS] = Codecs(lambda: deps.settings.limits.audio_decoders)
    app[STARTS] = StartRate(deps.settings.limits.starts_per_minute)
    for route in ROUTES:
        # Whoever may GET what ends may ask for its head; aiohttp leaves the body out.
        methods = ("GET", "HEAD") if route.method == "GET" and not route.stream else (route.method,)
        for method in methods:
            guard.know(app.router.add_route(method, route.path, route.handler, expect_handler=expect), route)
    app.on_response_prepare.append(_complete_headers)
    app.cleanup_ctx.append(guard.watch)
    app.on_cleanup.append(_end_decoders)
    app.on_shutdown.append(_end_streams)
    deps.metrics.watch_hub(deps.hub)
    deps.metrics.watch_functions(lambda: deps.functions.registry.specs.keys())  # noqa: PLW0108 - a reload swaps the registry
    return app


def adopt(app: web.Application, settings: Settings) -> None:
    """Take these settings for requests that come from now on."""
    app[DEPS].settings = settings
    app[STARTS].per_minute = settings.limits.starts_per_minute


@cache
def _document() -> bytes:
    """The OpenAPI document; the table does not change while the process lives."""
    return render(ROUTES)


async def _complete_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The last look at an answer before its head goes out."""
    for name, value in SAFE_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)  # which software serves, and its version, is nobody's business
    request_id = request.get(REQUEST_ID)
    if request_id is not None:
        response.headers.setdefault("X-Request-ID", request_id)
        if ROUTE in request and request[ROUTE].compatible:
            response.headers.setdefault("dg-request-id", request_id)
    request[STARTED] = response


async def _end_streams(app: web.Application) -> None:
    """Readers of events get what waits for them, then the end."""
    app[DEPS].hub.close()


async def _end_decoders(app: web.Application) -> None:
    """No process outlives the daemon."""
    await app[CODECS].close()
