"""One conversation's frames: read them in order, keep the protocol's rules and the time limits, and end it cleanly."""

import asyncio
from typing import Final, NoReturn

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from agentd.config import EngineSettings
from agentd.engine import abilities
from agentd.engine.line import Dialogue, Hangup, Line
from agentd.engine.reception import DialogueFactory, Reception
from agentd.protocol.codec import ProtocolError
from agentd.protocol.messages import Settings
from agentd.protocol.server import ServerPhase, ServerProtocol, error_message

LAST_WORDS_S: Final = 2.0
"""How long a client may take to read what was queued when the conversation ended."""

APPROACHING_S: Final = 300.0
"""The warning comes so long before the session limit: at 1:55:00 of two hours (Deepgram docs, "Errors and warnings")."""

_log = structlog.get_logger("agentd.engine")


async def hold(
    socket: web.WebSocketResponse,
    reception: Reception,
    settings: EngineSettings,
    request_id: str,
    *,
    lines: dict[str, Line | None],
) -> Hangup:
    """Run a conversation to its end.

    Args:
        socket: the prepared WebSocket; it is left open for the caller to close.
        reception: welcomes the client, and makes the turn-taker once Settings have come.
        settings: idle and length limits.
        request_id: goes into Welcome and the log.
        lines: where the line is registered, so that a shutdown can end it.

    Returns:
        How to close.
    """
    log = _log.bind(request_id=request_id)
    protocol = ServerProtocol(faults=abilities.faults)
    group = asyncio.TaskGroup()
    line = Line(socket, protocol, group, request_id=request_id)
    lines[request_id] = line
    ending = Hangup()
    try:
        async with group:
            line.spawn(line.write(), "writer")
            line.spawn(line.ended(), "end")
            line.spawn(_limit_length(line, settings.max_session_s), "length")
            await reception.welcome(line, protocol.welcome(request_id))
            line.spawn(_read(socket, protocol, line, reception.dialogue, settings.idle_timeout_s), "reader")
    except* Hangup as several:
        ending = _first(several)
    except* Exception as several:
        log.exception("conversation_failed", exc_info=several)
        ending = Hangup.failed("INTERNAL_SERVER_ERROR", "The engine met an internal fault; its log says more.")
    if ending.code is not None and not socket.closed:
        ending = await _last_words(line, protocol, ending)
    protocol.close()
    return ending


def _first(several: BaseExceptionGroup[Hangup]) -> Hangup:
    """One of the exceptions in a group, however deep."""
    first = several.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _last_words(line: Line, protocol: ServerProtocol, ending: Hangup) -> Hangup:
    """Send what is still queued, and the Error the conversation ends with."""
    try:
        if ending.error is not None and protocol.phase is not ServerPhase.CLOSED:
            line.send(ending.error)
        await line.finish(bound_s=LAST_WORDS_S)
    except (Hangup, TimeoutError):
        return Hangup(None, f"{ending.reason}; the client did not read the rest")
    return ending


async def _read(
    socket: web.WebSocketResponse, protocol: ServerProtocol, line: Line, factory: DialogueFactory, idle_timeout_s: float
) -> NoReturn:
    """Take the client's frames one after the other to the dialogue."""
    dialogue: Dialogue | None = None
    while True:
        try:
            frame = await socket.receive(timeout=idle_timeout_s)
        except TimeoutError:
            raise _idle(dialogue, idle_timeout_s) from None
        try:
            if frame.type is WSMsgType.TEXT:
                message = protocol.receive(frame.data)
                if isinstance(message, Settings):
                    dialogue = factory(line, message.wire())
                    await dialogue.open()
                elif dialogue is not None:
                    await dialogue.handle(message)
            elif frame.type is WSMsgType.BINARY:
                protocol.receive_audio()
                if dialogue is not None:
                    await dialogue.hear(frame.data)
            elif frame.type not in {WSMsgType.PING, WSMsgType.PONG}:  # seen only where pings stay unanswered
                raise Hangup(socket.close_code or WSCloseCode.ABNORMAL_CLOSURE, "the client left")
        except ProtocolError as error:
            raise Hangup(WSCloseCode.POLICY_VIOLATION, error.code, error=error_message(error)) from error


def _idle(dialogue: Dialogue | None, idle_timeout_s: float) -> Hangup:
    """The client said nothing; in the words clients know from Deepgram."""
    wanted = "sending binary messages containing user speech" if dialogue is not None else "sending a Settings message first"
    description = f"We waited too long for a websocket message ({idle_timeout_s:g} s). Please ensure that you're {wanted}."
    return Hangup.failed("CLIENT_MESSAGE_TIMEOUT", description)


async def _limit_length(line: Line, max_session_s: float) -> NoReturn:
    """End the conversation at its limit, with a warning ahead."""
    ahead_s = min(APPROACHING_S, max_session_s / 2)
    await asyncio.sleep(max_session_s - ahead_s)
    line.warn("MAXIMUM_SESSION_LENGTH_APPROACHING", f"The connection ends in {ahead_s:g} seconds.")
    await asyncio.sleep(ahead_s)
    raise Hangup.failed("MAXIMUM_SESSION_LENGTH_REACHED", f"A connection lasts at most {max_session_s:g} seconds.")
