"""One client's connection as a dialogue sees it: messages and audio go out in order, and nobody who speaks waits for the socket.

A dialogue calls ``send`` and ``send_audio`` from anywhere; one writer task takes the frames to the socket. Audio that is
still queued can be dropped at a barge-in, messages never are.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, NoReturn, Protocol

from aiohttp import WSCloseCode, web

from agentd.protocol.messages import (
    AgentAudioDone,
    ConversationText,
    Error,
    FunctionCallCancelled,
    FunctionCallRequest,
    FunctionCallResponse,
    Message,
    UserStartedSpeaking,
    Warn,
)
from agentd.protocol.server import Answer, ServerProtocol
from agentd.supervise import spawn

_BEGINS_REPLY: Final = (UserStartedSpeaking, ConversationText, FunctionCallRequest)
_ENDS_REPLY: Final = AgentAudioDone

AUDIO_AHEAD_BYTES: Final = 128 * 1024
"""Audio that may wait for the socket: 1.4 to 16 s of it, so that a barge-in finds something to drop when the client is slow."""

MAX_QUEUED_MESSAGES: Final = 2048
"""A client that leaves so many messages unread is gone; a conversation sends a few per second."""

SEND_TIMEOUT_S: Final = 30.0
"""A socket that takes no byte for so long is dead, whatever TCP says."""


APART_S: Final = 0.06
"""Least time between a text frame that clients act on and one that only informs, and after SettingsApplied.

Deepgram's own React demos keep one incoming message at a time: of two that come at once the earlier is lost (seen at 20 ms,
not at 60).
"""

UNHEARD_S: Final = 2.0
"""Notes go out after so much silence of ours, when no reply is coming that they could follow."""

MAX_FRAME_BYTES: Final = 64 * 1024
"""Longest binary frame: clients on websockets' defaults close at 1 MiB, browsers' audio code likes small ones."""


class Hangup(Exception):
    """Ends the conversation; raised inside its task group and taken up by the server.

    Args:
        code: WebSocket close code, or None to abort the TCP connection without a word.
        reason: for the close frame (at most 123 bytes of it) and the log.
        error: what the client is told before the close, if anything.
        by_client: the client ended it, or its connection broke.
    """

    def __init__(
        self, code: int | None = WSCloseCode.OK, reason: str = "", *, error: Error | None = None, by_client: bool = False
    ) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
        self.error = error
        self.by_client = by_client

    @classmethod
    def failed(cls, code: str, description: str) -> "Hangup":
        """The end by a protocol ``Error`` of ours."""
        return cls(WSCloseCode.INTERNAL_ERROR, code, error=Error(code=code, description=description))


class Dialogue(Protocol):
    """The turn-taker behind a connection: the real conversation or the scripted one.

    The server calls these one after the other, in the order of the client's frames.
    """

    async def open(self) -> None:
        """Settings have come, and are valid: send SettingsApplied, and greet."""
        ...

    async def hear(self, audio: bytes) -> None:
        """A binary frame of the user's audio, any length, not aligned to samples."""
        ...

    async def handle(self, message: Message) -> None:
        """A text frame other than Settings."""
        ...


class Line:
    """The way out to one client.

    Args:
        socket: the prepared WebSocket.
        protocol: guards what is sent and knows the open calls.
        group: owns every task of this conversation; when one fails, the conversation ends.
        request_id: as in Welcome, for logs.

    Attributes:
        last_text_at: when the last message was queued, by the loop's clock.
    """

    def __init__(
        self, socket: web.WebSocketResponse, protocol: ServerProtocol, group: asyncio.TaskGroup, *, request_id: str
    ) -> None:
        self._socket = socket
        self._protocol = protocol
        self._group = group
        self._queue: deque[str | bytes] = deque()
        self._notes: deque[Message] = deque()
        self._noted = asyncio.Event()
        self._calm = True
        self._clock = asyncio.get_running_loop().time
        self._last_put = self.last_text_at = self._clock()
        self._audio_bytes = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._ending: asyncio.Future[Hangup] = asyncio.get_running_loop().create_future()
        self.request_id = request_id
        self.audio_bytes_out = 0

    # -- tasks ------------------------------------------------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Start a task that lives no longer than the conversation."""
        return spawn(self._group, coroutine, name=f"engine:{self.request_id[:8]}:{name}")

    def end(self, hangup: Hangup) -> None:
        """End the conversation from outside its tasks; the first reason given stands."""
        if not self._ending.done():
            self._ending.set_result(hangup)

    async def ended(self) -> NoReturn:
        """Wait for ``end`` and raise what it was given, as a task of the conversation's group."""
        raise await self._ending

    # -- sending ----------------------------------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Queue a message.

        Raises:
            Hangup: the client has not read for so long that the queue is full.
        """
        if len(self._queue) > MAX_QUEUED_MESSAGES:
            raise Hangup(None, "the client does not read")
        self._put(self._protocol.send(message).decode())
        self.last_text_at = self._last_put
        self._calm = isinstance(message, _ENDS_REPLY) or (self._calm and not isinstance(message, _BEGINS_REPLY))

    def note(self, message: Message) -> None:
        """Queue a message that only informs (History, LatencyReport, a Warning about names): it goes out after the reply.

        Known clients lose the earlier of two text frames that come at once, so what they act on is not followed by what they
        do not need.

        Raises:
            Hangup: the client has not read for so long that the queue is full.
        """
        if len(self._notes) > MAX_QUEUED_MESSAGES:
            raise Hangup(None, "the client does not read")
        self._notes.append(message)
        self._noted.set()

    def await_reply(self) -> None:
        """A reply is coming that has not begun: notes wait for its end."""
        self._calm = False

    async def write_notes(self) -> None:
        """Send the notes when nothing is disturbed by them, until cancelled."""
        while True:
            await self._noted.wait()
            wait_s = self._last_put + (APART_S if self._calm else UNHEARD_S) - self._clock()
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, APART_S))
                continue
            self.send_notes()

    def send_notes(self) -> None:
        """Queue the notes now, whatever else goes out."""
        calm = self._calm
        while self._notes:
            self.send(self._notes.popleft())
        self._calm = calm
        self._noted.clear()

    def warn(self, code: str, description: str) -> None:
        """Tell the client of a fault the conversation survives."""
        self.send(Warn(code=code, description=description))

    def send_audio(self, audio: bytes) -> None:
        """Queue agent audio in frames of at most 64 KiB.

        The frame size is even, so whole 16-bit samples in stay whole samples out: the browser demos read a frame as an
        ``Int16Array``, which throws at an odd length, and log an error at an empty one.
        """
        for start in range(0, len(audio), MAX_FRAME_BYTES):
            frame = audio[start : start + MAX_FRAME_BYTES]
            self._audio_bytes += len(frame)
            self._put(frame)

    def send_unchecked(self, text: str) -> None:
        """Queue any text frame, past the protocol's guard: for peers that misbehave on purpose."""
        self._put(text)

    def withhold(self, message: Message) -> None:
        """Count a message as sent without sending it: for peers that leave out messages on purpose.

        Raises:
            LocalProtocolError: it has no place here.
        """
        self._protocol.send(message)

    async def room(self) -> None:
        """Wait until little enough audio is queued to add some."""
        while self._audio_bytes > AUDIO_AHEAD_BYTES:
            await self._next_write()

    async def flush(self) -> None:
        """Wait until everything queued is with the socket."""
        while self._queue:
            await self._next_write()

    def drop_audio(self) -> int:
        """Throw away the audio that is still queued; messages stay in order. Returns the bytes dropped."""
        dropped, self._audio_bytes = self._audio_bytes, 0
        kept = [frame for frame in self._queue if isinstance(frame, str)]
        self._queue.clear()
        self._queue.extend(kept)
        self._drained.set()
        return dropped

    # -- function calls ---------------------------------------------------------------------------------------------

    def answer(self, response: FunctionCallResponse) -> Answer:
        """Match a client's answer with an open call."""
        return self._protocol.answer(response)

    def oldest_call(self, name: str) -> str | None:
        """Id of the open call of that name that was asked for first: answers may leave out the id."""
        return next((call.id for call in self._protocol.open_calls.values() if call.name == name), None)

    def cancel_calls(self) -> FunctionCallCancelled | None:
        """Withdraw the open calls and tell the client."""
        cancelled = self.withdraw_calls()
        if cancelled is not None:
            self.send(cancelled)
        return cancelled

    def withdraw_calls(self) -> FunctionCallCancelled | None:
        """Withdraw the open calls; what is to be sent to the client, if there were any."""
        return self._protocol.cancel_open_calls()

    # -- the writer -------------------------------------------------------------------------------------------------

    async def write(self) -> None:
        """Carry queued frames to the socket until cancelled.

        Raises:
            Hangup: the client takes nothing any more.
        """
        while True:
            while self._queue:
                await self._write_one(self._queue.popleft())
            self._filled.clear()
            await self._filled.wait()

    async def finish(self, *, bound_s: float) -> None:
        """Write what is left, after the writer has ended, for at most ``bound_s`` seconds."""
        async with asyncio.timeout(bound_s):
            while self._queue:
                await self._write_one(self._queue.popleft())

    async def _write_one(self, frame: str | bytes) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    self._audio_bytes -= len(frame)
                    self.audio_bytes_out += len(frame)
                    await self._socket.send_bytes(frame)
        except (TimeoutError, ConnectionError) as error:
            raise Hangup(None, f"sending failed: {error!r}", by_client=True) from error
        finally:
            self._drained.set()

    async def _next_write(self) -> None:
        self._drained.clear()
        await self._drained.wait()

    def _put(self, frame: str | bytes) -> None:
        self._last_put = self._clock()
        self._queue.append(frame)
        self._filled.set()
