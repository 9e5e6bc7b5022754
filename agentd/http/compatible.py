"""The compatible endpoint: a Voice Agent client talks to us as it would to Deepgram, and its connection is a session.

The upstream is connected before the client's upgrade is accepted, so that a refusal is still an HTTP status.
"""

import asyncio
from typing import Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field

from agentd.engine import early_access
from agentd.errors import AgentNotFound, BudgetExhausted, Draining, EngineNotReady, MalformedRequest, TooManySessions, Unavailable
from agentd.http.client_out import ClientOut, Close
from agentd.http.deps import DEPS, IDENTITY, REQUEST_ID, STARTS
from agentd.http.queries import Anything
from agentd.http.rates import MessageRate
from agentd.http.reach import require_agent
from agentd.http.table import UPSTREAM, Route, Upgrade, handshake
from agentd.protocol.codec import ProtocolError, encode
from agentd.protocol.messages import Error
from agentd.sessions.profiles import PASSTHROUGH
from agentd.sessions.session import Session
from agentd.supervise import spawn

_log = structlog.get_logger("agentd.http")

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Largest frame from a client; the SDKs take as much from us."""
SEND_S: Final = 60.0
"""A client that takes no frame for so long is gone; one that plays as it reads may take its time."""
CLOSE_S: Final = 2.0


class ConverseParameters(Anything):
    """Which profile; what else clients send is theirs."""

    agent: str | None = Field(None, description="A profile; without it `passthrough`: limits, no functions.")


async def converse(request: web.Request) -> web.StreamResponse:
    """``GET /v1/agent/converse``."""
    deps = request.app[DEPS]
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    kind = early_access.EarlyAccessSocket if request.path == early_access.PATH else web.WebSocketResponse
    socket = kind(
        protocols=[name for name in offered if name.lower() in ("token", "bearer")],
        max_msg_size=MAX_MESSAGE_BYTES,
        compress=False,
        decode_text=False,  # text that is not UTF-8 is refused in words
        heartbeat=deps.settings.limits.ws_heartbeat_s,
        timeout=CLOSE_S,
        autoclose=False,
    )
    if not socket.can_prepare(request).ok:
        raise MalformedRequest("This is a WebSocket endpoint: connect with a Voice Agent client, or use POST /v1/sessions.")
    require_agent(request, request.query.get("agent") or PASSTHROUGH)
    request.app[STARTS].admit(request[IDENTITY].name)
    out = ClientOut(deps)
    out.session = session = await deps.manager.start_passthrough(
        agent=ConverseParameters.of(request).agent,
        client=out,
        started_by=request[IDENTITY].name,
        agents=request[IDENTITY].agents,
    )
    try:
        socket.headers["dg-request-id"] = session.lifeline.request_id or request[REQUEST_ID]
        await socket.prepare(request)
        deps.hub.subscribers["ws"] += 1
        try:
            await _relay(socket, out, session, MessageRate(deps.settings.limits.ws_messages_per_second, metrics=deps.metrics))
        finally:
            deps.hub.subscribers["ws"] -= 1
    finally:
        session.client_left()
    return socket


async def _relay(socket: web.WebSocketResponse, out: ClientOut, session: Session, rate: MessageRate) -> None:
    """Carry frames both ways until the client leaves or the session ends."""
    async with asyncio.TaskGroup() as group:
        writing = spawn(group, _write(socket, out), name=f"session:{session.id}:client_out")
        reading = spawn(group, _read(socket, out, session, rate), name=f"session:{session.id}:client_in")
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
            session.client_left()
            await asyncio.wait({writing}, timeout=CLOSE_S)  # what was said before the end still goes out
        finally:
            # aiohttp answers no close frame while another task receives.
            writing.cancel()
            reading.cancel()
            await asyncio.wait({writing, reading})
        end = Close(WSCloseCode.OK, "") if writing.cancelled() or writing.exception() else writing.result()
        await socket.close(code=end.code, message=end.reason.encode()[:120])


async def _read(socket: web.WebSocketResponse, out: ClientOut, session: Session, rate: MessageRate) -> None:
    while True:
        message = await socket.receive()
        try:
            if message.type is WSMsgType.BINARY:
                ahead_s = session.client_side.audio(message.data)
                if ahead_s > 0:
                    await asyncio.sleep(ahead_s)
            elif message.type is WSMsgType.TEXT:
                if not rate.admits():
                    _refuse(out, "TOO_MANY_MESSAGES", "Too many messages in a second (limits.ws_messages_per_second).")
                    return
                session.client_side.text(message.data)
            else:  # CLOSE, CLOSING, CLOSED, ERROR
                return
        except ProtocolError as error:
            _refuse(out, error.code, error.description)
            return


def _refuse(out: ClientOut, code: str, description: str) -> None:
    """Tell the client what it did wrong, as the protocol does: an Error, then the close (docs, "Errors")."""
    _log.info("client_refused", code=code)
    out.send_text(encode(Error(code=code, description=description)))
    out.close(WSCloseCode.POLICY_VIOLATION, code[:120])


async def _write(socket: web.WebSocketResponse, out: ClientOut) -> Close:
    """Send what waits for the client; returns how the connection is to be closed."""
    try:
        while True:
            frame = await out.get()
            async with asyncio.timeout(SEND_S):
                if isinstance(frame, bytes):
                    await socket.send_bytes(frame)
                elif isinstance(frame, str):
                    await socket.send_str(frame)
                else:
                    return frame
    except (ConnectionError, RuntimeError):
        return Close(WSCloseCode.OK, "")  # the client is gone
    except TimeoutError:
        return Close(WSCloseCode.TRY_AGAIN_LATER, "slow consumer")


def _route(path: str) -> Route:
    return Route(
        "GET", path, converse, "control",
        summary="Converse as a Voice Agent client (WebSocket)",
        description="Any client of the Deepgram Voice Agent API points its base URL here; its API key is an agentd token. The "
        "connection is a session, which the other calls list, show and steer.",
        query=ConverseParameters,
        answers={101: Upgrade("The Voice Agent protocol: text frames are its JSON messages, binary frames are audio.")},
        errors=(AgentNotFound, TooManySessions, BudgetExhausted, Draining, EngineNotReady, Unavailable, *UPSTREAM),
        compatible=True,
        stream=True,
        example=handshake(path),
    )  # fmt: skip


ROUTES: Final = (_route("/v1/agent/converse"), _route("/agent"))
