"""The middleware in front of every route: door, token, scope; errors as problems; one log line and one metric per request."""

import time
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiohttp import web

from agentd.door import Identity, require
from agentd.errors import (
    AgentdError,
    InternalError,
    MalformedRequest,
    UnsupportedMediaType,
)
from agentd.http import problems
from agentd.http.bodies import require_json
from agentd.http.deps import IDENTITY, REQUEST_ID, STARTED, HttpDeps
from agentd.http.open_requests import OpenRequests
from agentd.http.queries import PARAMETERS, parse
from agentd.http.reach import reaches_still, require_session
from agentd.http.table import ANY, ROUTE, Handler, Route
from agentd.ids import new_request_id
from agentd.supervise import Nursery

_log = structlog.get_logger("agentd.http")

CLIENT_GONE: Final = 499
"""The status logged and counted for a caller that left before its answer; nobody receives it."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
NO_ROUTE: Final = "none"
"""The route label of paths and methods that do not exist: their paths are free text."""

_BODILESS: Final = frozenset({"GET", "HEAD"})


async def expect(request: web.Request) -> web.StreamResponse | None:
    """Say nothing yet: aiohttp would tell anybody to go on. ``bodies.go_on`` says it when the body is wanted."""
    del request
    return None


class Guard:
    """Decides what reaches a handler, and shapes what leaves it."""

    def __init__(self, deps: HttpDeps) -> None:
        self._deps = deps
        self._limits = deps.settings.limits
        self._routes: dict[web.AbstractRoute, Route] = {}
        self._open_paths: set[str] = set()
        self._open = OpenRequests(deps.tokens, self._limits.connections_per_token, reaches_still)

    async def watch(self, app: web.Application) -> AsyncIterator[None]:
        """Look at the tokens of open requests while the application runs."""
        del app
        nursery = Nursery()
        nursery.start(self._open.watch(), name="http:tokens")
        yield
        await nursery.close()

    def know(self, added: web.AbstractRoute, route: Route) -> None:
        """``added`` is this line of the table. A route the guard does not know answers nobody."""
        self._routes[added] = route
        if route.scope is None:
            self._open_paths.add(route.path)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """One request, from the door to the log line."""
        began = time.monotonic()
        request[REQUEST_ID] = request_id = new_request_id()
        route = self._routes.get(request.match_info.route)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response, code = await self._answer(request, handler, route)
            duration_s = time.monotonic() - began
            template = route.path if route is not None else NO_ROUTE
            self._deps.metrics.http_request(request.method, template, response.status, duration_s)
            identity = request.get(IDENTITY)
            _log.info(
                "request",
                method=request.method,
                route=template,
                status=response.status,
                code=code,
                duration_s=round(duration_s, 6),
                token=identity.name if identity is not None else None,
                peer=self._deps.door.peer(request),
            )
        return response

    async def _answer(self, request: web.Request, handler: Handler, route: Route | None) -> tuple[web.StreamResponse, str | None]:
        """The handler's answer, or the problem; and the problem's code."""
        error: AgentdError
        headers: dict[str, str] = {}
        try:
            return await self._admitted(request, handler, route), None
        except AgentdError as failure:
            error = failure
        except web.HTTPException as refusal:
            error = problems.from_aiohttp(refusal, request)
            if "Allow" in refusal.headers:
                headers["Allow"] = refusal.headers["Allow"]
        except (ConnectionResetError, BrokenPipeError):
            return request.get(STARTED) or web.Response(status=CLIENT_GONE, reason="Client Gone"), "client-gone"
        except Exception:  # noqa: BLE001 - the boundary: whatever happens, the caller gets a problem document without internals
            _log.exception("request_failed", method=request.method, route=route.path if route else NO_ROUTE)
            error = InternalError("The daemon failed at this request; its log has the details under this request_id.")
        if "limit" in error.extra:
            self._deps.metrics.limit_reached(str(error.extra["limit"]))
        started = request.get(STARTED)
        if started is not None:  # too late for another status: end the stream instead
            if request.transport is not None:
                request.transport.abort()
            return started, error.code
        deepgrams = route is None or route.compatible  # paths that do not exist here may exist there
        return problems.response(error, request[REQUEST_ID], headers, compatible=deepgrams), error.code

    async def _admitted(self, request: web.Request, handler: Handler, route: Route | None) -> web.StreamResponse:
        self._deps.door.admit(request)
        if len(request.headers) > self._limits.headers:
            raise MalformedRequest(
                f"The request has more than {self._limits.headers} header fields (limits.headers).", extra={"limit": "headers"}
            )
        identity = self._identify(request, route)
        refusal = request.match_info.http_exception
        if refusal is not None:
            page = request.path.rstrip("/")
            if page != request.path and page in self._open_paths:  # typed into a browser, where a detail helps nobody
                return web.Response(status=308, headers={"Location": f"../{page.rpartition('/')[2]}"})
            if request.method == "OPTIONS" and "Allow" in refusal.headers:
                return web.Response(status=204, headers={"Allow": f"{refusal.headers['Allow']},OPTIONS"})
            raise refusal
        if route is None:
            raise AssertionError("every route is in the table")
        if route.scope not in (None, ANY) and identity is not None:
            require(identity, route.scope)
        _check_body(request, route)
        request[ROUTE], request[PARAMETERS] = route, parse(request, route.query)
        if identity is None:
            return await handler(request)
        if "id" in route.placeholders:
            await require_session(request)
        with self._open.admitted(request, identity):
            response = await handler(request)
            if request.method not in _READING:  # what was promised is committed (docs/architecture.md, decision 5)
                await self._deps.store.flushed()
            return response

    def _identify(self, request: web.Request, route: Route | None) -> Identity | None:
        """Who asks. Paths that do not exist are only told to be so to holders of a token."""
        is_open = route.scope is None if route is not None else request.path.rstrip("/") in self._open_paths
        if is_open and "Authorization" not in request.headers:
            return None
        identity = self._deps.door.identify(request, compatible=route is None or route.compatible)
        request[IDENTITY] = identity
        return identity


def _check_body(request: web.Request, route: Route) -> None:
    """What can be said of a body before it is read. A page can send a simple one without asking (CSRF), so its type counts."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body uncompressed, without Content-Encoding.")
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return
    if request.method in _BODILESS:
        raise MalformedRequest(f"A {request.method} request has no body here.")
    if not route.bodies:
        require_json(request)
