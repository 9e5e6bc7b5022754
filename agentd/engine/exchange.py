"""One conversation's frames: read them in order, keep the protocol's rules and the time limits, and end it cleanly."""

import asyncio
from itertools import count
from typing import Any, Final, NoReturn

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from agentd.config import EngineSettings
from agentd.engine import abilities
from agentd.engine.declared import require_declared
from agentd.engine.line import Dialogue, Hangup, Line
from agentd.engine.reception import DialogueFactory, Reception
from agentd.protocol import settings as documents
from agentd.protocol.codec import UNPARSABLE_CLIENT_MESSAGE, ProtocolError, encode
from agentd.protocol.messages import FunctionCallResponse, InjectAgentMessage, InjectUserMessage, Message, Settings
from agentd.protocol.server import ServerPhase, ServerProtocol, error_message

LAST_WORDS_S: Final = 2.0
"""How long a client may take to read what was queued when the conversation ended."""

MAX_REPEATED_BYTES: Final = 960 * 1024
"""Longest text of a client that is repeated to it: deepgram-sdk closes at frames of more than 1 MiB."""

FRAMES_AT_A_TIME: Final = 8
"""Frames between two looks at the other tasks: a client that floods one conversation must not stop the rest."""

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
            line.spawn(line.write_notes(), "notes")
            line.spawn(line.ended(), "end")
            line.spawn(_limit_length(line, settings), "length")
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
            line.send_notes()
            line.send(ending.error)
        await line.finish(bound_s=LAST_WORDS_S)
    except (Hangup, TimeoutError):
        return Hangup(None, f"{ending.reason}; the client did not read the rest")
    return ending


async def _read(
    socket: web.WebSocketResponse, protocol: ServerProtocol, line: Line, factory: DialogueFactory, idle_timeout_s: float
) -> NoReturn:
    """Take the client's frames one after the other to the dialogue.

    Audio that comes after Settings and before SettingsApplied waits for its turn here, and is heard.
    """
    dialogue: Dialogue | None = None
    document: dict[str, Any] = {}
    heard = False
    for number in count(1):
        frame = await _next(socket, idle_timeout_s, settled=dialogue is not None)
        try:
            if frame.type is WSMsgType.TEXT:
                message = protocol.receive(_text_of(frame.data))
                _require_repeatable(message, len(frame.data))
                if isinstance(message, Settings):
                    document = message.wire()
                    dialogue = factory(line, document)
                    await dialogue.open()
                elif dialogue is not None:
                    await dialogue.handle(message)
            elif frame.type is WSMsgType.BINARY:
                protocol.receive_audio()
                if not heard:
                    heard = True
                    require_declared(frame.data, *documents.input_format(document))
                if dialogue is not None:
                    await dialogue.hear(frame.data)
            elif frame.type is WSMsgType.ERROR:
                raise Hangup(socket.close_code, f"the client's frame cannot be read: {frame.data}")
            elif frame.type not in {WSMsgType.PING, WSMsgType.PONG}:  # seen only where pings stay unanswered
                raise Hangup(socket.close_code or WSCloseCode.ABNORMAL_CLOSURE, "the client left", by_client=True)
        except ProtocolError as error:
            raise Hangup(WSCloseCode.POLICY_VIOLATION, error.code, error=error_message(error)) from error
        if number % FRAMES_AT_A_TIME == 0:
            await asyncio.sleep(0)
    raise AssertionError("count() has no end")


async def _next(socket: web.WebSocketResponse, idle_timeout_s: float, *, settled: bool) -> Any:
    """The client's next frame. Any frame counts as activity, KeepAlive like audio; pings, which its library sends, do not.

    Raises:
        Hangup: none came in time; in the words clients know from Deepgram.
    """
    try:
        async with asyncio.timeout(idle_timeout_s):  # around receive(): its own time-out starts again at every ping
            return await socket.receive()
    except TimeoutError:
        wanted = (
            "Please ensure that you're sending binary messages containing user speech, or KeepAlive"
            if settled
            else "Please ensure that you send a 'Settings' message at the beginning of the session"
        )
        description = f"We waited too long for a websocket message ({idle_timeout_s:g} s). {wanted}."
        raise Hangup.failed("CLIENT_MESSAGE_TIMEOUT", description) from None


def _text_of(data: bytes) -> str:
    """The text of a frame.

    Raises:
        ProtocolError: it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(UNPARSABLE_CLIENT_MESSAGE, f"The text frame is not UTF-8: {error.reason}.") from None


def _require_repeatable(message: Message, size: int) -> None:
    """Refuse a text so long that its echo and its History would be beyond what clients take in a frame.

    Args:
        message: from the client.
        size: its length in bytes. As we write it it may be twice as long: a result that is no string becomes one.

    Raises:
        ProtocolError: it is too long.
    """
    told = isinstance(message, InjectUserMessage | InjectAgentMessage | FunctionCallResponse)
    if told and size > MAX_REPEATED_BYTES // 2 and len(encode(message)) > MAX_REPEATED_BYTES:
        raise ProtocolError(UNPARSABLE_CLIENT_MESSAGE, f"{message.type} is longer than {MAX_REPEATED_BYTES} bytes.")


async def _limit_length(line: Line, settings: EngineSettings) -> NoReturn:
    """End the conversation at its limit, with a warning ahead: at 1:55:00 of two hours, as Deepgram's."""
    longest_s = settings.max_session_s
    ahead_s = min(settings.session_warning_s, longest_s / 2)
    await asyncio.sleep(longest_s - ahead_s)
    if ahead_s:
        line.warn("MAXIMUM_SESSION_LENGTH_APPROACHING", f"The connection ends in {ahead_s:g} seconds.")
        await asyncio.sleep(ahead_s)
    raise Hangup.failed("MAXIMUM_SESSION_LENGTH_REACHED", f"A connection lasts at most {longest_s:g} seconds.")
