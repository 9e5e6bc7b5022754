"""The engine's HTTP side: ``/v1/agent/converse``, its predecessor ``/agent``, and the few REST paths that clients ask for.

It admits, upgrades and closes; ``exchange`` carries the frames, and what is said is the dialogue's affair. Every answer has
``dg-request-id``, every refusal ``dg-error``, as Deepgram's do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final
from uuid import uuid4

import structlog
from aiohttp import WSCloseCode, web

from agentd.config import EngineSettings
from agentd.door.grants import ttl_of
from agentd.engine import early_access
from agentd.engine.admission import GRANT, Admission, Refusal
from agentd.engine.exchange import hold
from agentd.engine.line import Hangup, Line
from agentd.engine.reception import Receive, Reception
from agentd.protocol.messages import Error
from agentd.protocol.refusals import ERR_CODES

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Longest frame taken from a client; the SDKs take as much from us."""

HEARTBEAT_S: Final = 20.0
"""Interval of WebSocket pings; a client that answers none within half of it is gone."""

CLOSE_S: Final = 2.0
"""How long a client may take to answer our close frame."""

REQUEST_READ_S: Final = 10.0
"""Time for a request's headers, and then for its body, to arrive."""

MAX_BODY_BYTES: Final = 4096
"""Largest body of a REST request: the one that takes any takes a number."""

_REQUEST_ID: Final = web.RequestKey("request_id", str)
_log = structlog.get_logger("agentd.engine")


@dataclass(slots=True)
class Engine:
    """What the handlers share.

    Attributes:
        settings: limits.
        admission: who may connect.
        receive: asked at each handshake how the connection is to be received.
        models: answer of ``GET /v1/models``.
        think_models: list in the answer of ``GET /v1/agent/settings/think/models``.
        live: open conversations by request id; None while the upgrade is under way.
    """

    settings: EngineSettings
    admission: Admission
    receive: Receive
    models: dict[str, Any] = field(default_factory=dict)
    think_models: list[dict[str, str]] = field(default_factory=list)
    live: dict[str, Line | None] = field(default_factory=dict)


_ENGINE: Final = web.AppKey("engine", Engine)


def build_app(engine: Engine) -> web.Application:
    """The application; the caller runs it on a socket of its choice."""
    app = web.Application(middlewares=[_answer_like_deepgram], client_max_size=MAX_BODY_BYTES)
    app[_ENGINE] = engine
    app.router.add_get("/v1/agent/converse", _converse)
    app.router.add_get(early_access.PATH, _converse)
    app.router.add_get("/v1/agent/settings/think/models", _think_models)
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/v1/models/{model}", _model)
    app.router.add_post(GRANT, _grant)
    app.router.add_get("/healthz", _health)
    app.on_shutdown.append(_hang_up_all)
    return app


@web.middleware
async def _answer_like_deepgram(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Admit the request, and shape refusals as Deepgram does (docs, "Errors": err_code, err_msg, request_id)."""
    request_id = str(uuid4())
    request[_REQUEST_ID] = request_id
    engine = request.app[_ENGINE]
    try:
        engine.admission.admit(request)
        response = await handler(request)
    except Refusal as refusal:
        _log.info("engine_refused", request_id=request_id, status=refusal.status, code=refusal.code)
        response = _refuse(refusal, request_id)
    except web.HTTPException as error:
        code = ERR_CODES.get(error.status, error.reason.upper().replace(" ", "_"))
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        response = _refuse(Refusal(error.status, code, error.reason, allow), request_id)
    except Exception:  # noqa: BLE001 - whatever failed, the client gets the answer of a server
        _log.exception("engine_request_failed", request_id=request_id, path=request.path)
        response = _refuse(Refusal(500, ERR_CODES[500], "The engine met an internal fault; its log says more."), request_id)
    if not response.prepared:
        response.headers["dg-request-id"] = request_id
    return response


def _refuse(refusal: Refusal, request_id: str) -> web.Response:
    body = {"err_code": refusal.code, "err_msg": refusal.message, "request_id": request_id}
    return web.json_response(body, status=refusal.status, headers={"dg-error": refusal.message, **refusal.headers})


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "conversations": len(request.app[_ENGINE].live)})


async def _models(request: web.Request) -> web.Response:
    return web.json_response(request.app[_ENGINE].models)


async def _model(request: web.Request) -> web.Response:
    """One entry of ``GET /v1/models``, by its uuid or its name."""
    wanted = request.match_info["model"]
    for entry in chain.from_iterable(request.app[_ENGINE].models.values()):
        if wanted in (entry.get("uuid"), entry.get("canonical_name")):
            return web.json_response(entry)
    raise Refusal(404, "NOT_FOUND", "This engine has no such model; GET /v1/models lists those it has.")


async def _grant(request: web.Request) -> web.Response:
    """A token for a moment (Deepgram docs, "Token-based authentication")."""
    try:
        async with asyncio.timeout(REQUEST_READ_S):
            ttl_s = ttl_of(await request.read())
    except TimeoutError:
        raise Refusal(408, "REQUEST_TIMEOUT", f"The body did not arrive within {REQUEST_READ_S:g} s.") from None
    except ValueError as error:
        raise Refusal(400, ERR_CODES[400], str(error)) from None
    token = request.app[_ENGINE].admission.grants.issue(ttl_s)
    return web.json_response({"access_token": token, "expires_in": ttl_s}, headers={"Cache-Control": "no-store"})


async def _think_models(request: web.Request) -> web.Response:
    return web.json_response({"models": request.app[_ENGINE].think_models})


async def _hang_up_all(app: web.Application) -> None:
    error = Error(code="SERVER_GOING_AWAY", description="The engine is shutting down.")
    for line in list(app[_ENGINE].live.values()):
        if line is not None:
            line.end(Hangup(WSCloseCode.GOING_AWAY, error.code, error=error))


async def _converse(request: web.Request) -> web.WebSocketResponse:
    """One conversation, from the upgrade to the close."""
    engine = request.app[_ENGINE]
    request_id = request[_REQUEST_ID]
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        raise Refusal(400, ERR_CODES[400], "This path takes WebSocket handshakes.")
    _reserve(engine, request_id)
    try:
        reception = await engine.receive(request)
        return await _hold(request, reception, engine, request_id)
    finally:
        del engine.live[request_id]


async def _hold(request: web.Request, reception: Reception, engine: Engine, request_id: str) -> web.WebSocketResponse:
    """Upgrade, converse, close."""
    kind = early_access.EarlyAccessSocket if request.path == early_access.PATH else web.WebSocketResponse
    socket = kind(
        protocols=engine.admission.subprotocols(request),
        max_msg_size=MAX_MESSAGE_BYTES,
        compress=False,
        decode_text=False,  # text that is not UTF-8 is ours to refuse, in words
        heartbeat=HEARTBEAT_S,
        timeout=CLOSE_S,
        autoping=reception.answers_pings,
    )
    socket.headers["dg-request-id"] = request_id
    log = _log.bind(request_id=request_id)
    loop = asyncio.get_running_loop()
    began = loop.time()
    hangup = Hangup(None, "the handshake broke off")
    try:
        await socket.prepare(request)
        log.info("conversation_opened")
        hangup = await hold(socket, reception, engine.settings, request_id, lines=engine.live)
        if hangup.code is None:
            if request.transport is not None:
                request.transport.abort()
        else:
            await socket.close(code=hangup.code, message=hangup.reason.encode()[:123])
        log.info("conversation_closed", code=hangup.code, reason=hangup.reason, duration_s=round(loop.time() - began, 3))
    finally:
        reception.closed(hangup)
    return socket


def _reserve(engine: Engine, request_id: str) -> None:
    """Take a place before the first await, so that many handshakes at once cannot pass the limit together."""
    limit = engine.settings.max_sessions
    if len(engine.live) >= limit:
        message = f"All {limit} conversations of this engine are taken ([engine] max_sessions)."
        raise Refusal(429, ERR_CODES[429], message, {"Retry-After": "2"})
    engine.live[request_id] = None
