"""The session WebSocket: audio both ways as binary frames, events out and client messages in as text frames.

Agent audio goes out as it comes, faster than it plays, so that a client can schedule it ahead of a network that stutters;
an ``AudioCut`` text, in order with the audio, says that whatever came before it and has not been heard is thrown away.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Literal

import orjson
import structlog
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from pydantic import Field

from agentd.audio.formats import AudioFormat
from agentd.audio.resample import Converter
from agentd.door import Identity, require
from agentd.errors import AgentdError, Conflict, MalformedRequest, SessionBusy, TooManyRequests
from agentd.http.deps import DEPS, IDENTITY, HttpDeps, sees_words
from agentd.http.events import Opening, View, types_of_session
from agentd.http.holding import UNSENT_BYTES, hold_little
from agentd.http.queries import AudioFormatParameters
from agentd.http.rates import MessageRate
from agentd.http.sessions import session_of
from agentd.http.stream_out import StreamOut
from agentd.http.table import Route, Upgrade, handshake
from agentd.protocol.codec import ProtocolError, parse_client
from agentd.sessions.client_messages import perform
from agentd.sessions.runs import KeptRun
from agentd.sessions.session import Session
from agentd.supervise import spawn

_log = structlog.get_logger("agentd.http")

AHEAD_S: Final = 2.0
"""A microphone may give so much more audio than time has passed; then it is read as fast as it plays (TCP holds it back)."""
CLOSE_S: Final = 2.0
FINISH_S: Final = 5.0
"""Time for the commands of a client that has left to come to their end."""


class StreamParameters(AudioFormatParameters):
    """What goes through the socket, and how."""

    audio: Literal["both", "in", "out", "none"] = Field(
        "both", description="`in`: a microphone (scope `control`); `out`: the agent (scope `transcripts`)."
    )
    events: str | None = Field(None, description="Names of events, divided by commas, or `none`; all otherwise.")
    after: str | None = Field(None, description="Events after this position, `<run_id>:<seq>`, come first.")


class Microphone:
    """Audio of this client, converted to the session's input."""

    def __init__(self, session: Session, source: AudioFormat, out: StreamOut) -> None:
        self._session = session
        self._source = source
        self._out = out
        self._converter = Converter(source, session.input_format)
        self._loop = asyncio.get_running_loop()
        self._refused = False

    async def give(self, data: bytes) -> None:
        """Pass audio on; waits while the client is too far ahead of time."""
        feed = self._session.conversation.feed
        pcm = self._converter.feed(data)
        if not pcm:
            return
        heard = feed.live(pcm, self._loop.time(), self)
        if not heard:
            self._session.conversation.dropped.note("microphone", self._source.duration_s(len(data)))
            if not self._refused:
                _tell(
                    self._out, SessionBusy("Another microphone is open in this session; yours is heard once that one is quiet.")
                )
        elif (ahead_s := feed.ahead_s(self._loop.time()) - AHEAD_S) > 0:
            await asyncio.sleep(ahead_s)
        self._refused = not heard

    def close(self) -> None:
        """The client has left."""
        self._session.conversation.feed.hang_up(self)


class Reader:
    """What comes from the client. A fault in it is answered by an Error, and the stream goes on."""

    def __init__(
        self, session: Session, out: StreamOut, microphone: Microphone | None, identity: Identity, deps: HttpDeps
    ) -> None:
        self._session = session
        self._out = out
        self._microphone = microphone
        self._identity = identity
        self._rate = MessageRate(deps.settings.limits.ws_messages_per_second, metrics=deps.metrics)

    async def take(self, frame: WSMessage, group: asyncio.TaskGroup) -> asyncio.Task[None] | None:
        """One frame; the task of the command it asks for, if it asks for one.

        Raises:
            AgentdError, ProtocolError: what is wrong with it.
        """
        if frame.type is WSMsgType.BINARY:
            if self._microphone is None:
                raise MalformedRequest("This stream has no microphone: connect with ?audio=both or ?audio=in to send audio.")
            await self._microphone.give(frame.data)
            return None
        if not self._rate.admits():
            raise TooManyRequests("Too many messages in a second (limits.ws_messages_per_second).", retry_after_s=1)
        message = parse_client(frame.data)
        require(self._identity, "control")

        async def command() -> None:
            try:
                await perform(self._session, message)
            except AgentdError as error:
                _tell(self._out, error)

        return spawn(group, command(), name=f"session:{self._session.id}:stream:{message.type}")


async def stream(request: web.Request) -> web.StreamResponse:
    """``GET …/stream``."""
    deps, query, identity = request.app[DEPS], StreamParameters.of(request), request[IDENTITY]
    session = session_of(request)
    hears, speaks = query.audio in ("both", "out"), query.audio in ("both", "in")
    for scope in ["transcripts"] * hears + ["control"] * speaks:
        require(identity, scope)
    session.check_readable(["out"] * hears + ["in"] * speaks)
    socket = _socket(request, deps)
    quiet = query.events == "none"
    types = frozenset[str]() if quiet else types_of_session(query.events, "events")
    view = View(types=types, words=sees_words(request), everything=False)
    spoken, heard = query.format(session.input_format), query.format(session.output_format)
    something = asyncio.Event()
    opening = await Opening.of_run(deps, KeptRun(session, deps.store), view, query.after, transport="ws", something=something)
    # From the subscription to the listener there is no await: nothing is missed, nothing comes twice.
    out = StreamOut(deps, session, opening.mailbox, something, target=heard, hears=hears, words=view.words)
    detach = session.listeners.attach(out, hears=hears)
    microphone = Microphone(session, spoken, out) if speaks else None
    try:
        hold_little(request)
        await socket.prepare(request)
        first = [] if quiet else _first(opening, view, {"input": _shown(spoken), "output": _shown(heard)})
        await _serve(socket, Reader(session, out, microphone, identity, deps), out, first, deps.settings.limits.sse_stall_s)
    finally:
        detach()
        deps.hub.unsubscribe(opening.mailbox)
        if microphone is not None:
            microphone.close()
    return socket


def _socket(request: web.Request, deps: HttpDeps) -> web.WebSocketResponse:
    limits = deps.settings.limits
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    socket = web.WebSocketResponse(
        protocols=[name for name in offered if name.lower() in ("token", "bearer")],
        max_msg_size=limits.ws_message_bytes,
        compress=False,
        heartbeat=limits.ws_heartbeat_s,
        timeout=CLOSE_S,
        autoclose=False,
        writer_limit=UNSENT_BYTES,
    )
    if not socket.can_prepare(request).ok:
        raise MalformedRequest("This is a WebSocket endpoint. GET …/events and GET …/audio serve without one.")
    return socket


async def _serve(socket: web.WebSocketResponse, reader: Reader, out: StreamOut, first: Iterable[bytes], stall_s: float) -> None:
    """Carry frames both ways until the client leaves, is cut off, or the session ends; then close, and wait for the answer."""
    async with asyncio.TaskGroup() as group:
        commands: set[asyncio.Task[None]] = set()
        writing = spawn(group, _write(socket, out, first, stall_s), name="http:stream:out")
        reading = spawn(group, _read(socket, reader, out, commands, group), name="http:stream:in")
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # aiohttp answers no close frame while another task receives.
            writing.cancel()
            reading.cancel()
            await asyncio.wait({writing, reading})
        if out.slow:
            _log.info("stream_too_slow")
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"slow consumer")
        else:
            await socket.close(code=WSCloseCode.OK, message=b"session ended")
        if commands:
            await asyncio.wait(commands, timeout=FINISH_S)
        for task in commands:
            task.cancel()


async def _read(
    socket: web.WebSocketResponse, reader: Reader, out: StreamOut, commands: set[asyncio.Task[None]], group: asyncio.TaskGroup
) -> None:
    while (frame := await socket.receive()).type in (WSMsgType.BINARY, WSMsgType.TEXT):
        try:
            command = await reader.take(frame, group)
        except (AgentdError, ProtocolError) as error:
            _tell(out, error)
            continue
        if command is not None:
            commands.add(command)
            command.add_done_callback(commands.discard)


async def _write(socket: web.WebSocketResponse, out: StreamOut, first: Iterable[bytes], stall_s: float) -> None:
    try:
        for text in first:
            async with asyncio.timeout(stall_s):
                await socket.send_frame(text, WSMsgType.TEXT)
        while (frame := await out.get()) is not None:
            async with asyncio.timeout(stall_s):
                await socket.send_frame(frame[1], frame[0])
    except (ConnectionError, RuntimeError):
        return  # the client is gone
    except TimeoutError:
        out.slow = True


def _tell(out: StreamOut, error: AgentdError | ProtocolError) -> None:
    """Answer a fault, as the protocol does: an Error."""
    if isinstance(error, ProtocolError):
        out.tell("Error", {"code": error.code, "description": error.description})
        return
    faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.errors]
    out.tell("Error", {"code": error.code, "description": error.detail} | ({"errors": faults} if faults else {}))


def _first(opening: Opening, view: View, audio: dict[str, Any]) -> list[bytes]:
    """What a client is told before anything new: where things stand, with the formats of its audio, and what it missed."""
    snapshot, *gap = opening.first
    told = [snapshot | {"data": snapshot["data"] | {"audio": audio}}, *gap]
    past = [envelope.json(words=view.words) for envelope in opening.past if view.wants(envelope)]
    return [orjson.dumps(one, default=str) for one in told] + past


def _shown(audio: AudioFormat) -> dict[str, Any]:
    return {"encoding": audio.encoding, "sample_rate": audio.sample_rate}


ROUTES: Final = (
    Route(
        "GET", "/v1/sessions/{id}/stream", stream, "read",
        summary="Talk, listen, watch and steer (WebSocket)",
        description="Several streams may be open; one microphone is heard at a time, and gives way to an injected recording. "
        "Agent audio comes as fast as the upstream sends it, ahead of its playback: at `AudioCut` throw away what you have "
        "not played. A message that cannot be used is answered by an `Error` text without `seq`, and the stream goes on. "
        "A client too slow for its events is closed with 1013; audio it does not take loses its oldest. The token may come as "
        "subprotocol: `bearer, <token>`.",
        query=StreamParameters,
        answers={
            101: Upgrade(
                "Binary frames are audio, of the user to the daemon and of the agent to the client. Text frames to the client "
                "are events, `Snapshot` first; those from it are client messages of the Voice Agent protocol: `UpdatePrompt`, "
                "`UpdateThink`, `UpdateSpeak`, `UpdateListen`, `InjectUserMessage`, `InjectAgentMessage`, `ForceEndTurn`, "
                "`KeepAlive`; they need scope `control`."
            )
        },
        errors=(Conflict,),
        compatible=True,
        stream=True,
        example=handshake("/v1/sessions/kitchen/stream?audio=none"),
    ),
)  # fmt: skip
