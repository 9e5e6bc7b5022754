"""One connection to an upstream, whatever socket carries it."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import structlog

from agentd.config import LimitSettings
from agentd.upstream.outbox import Outbox
from agentd.upstream.watchdog import Watchdog

_log = structlog.get_logger("agentd.upstream")

CLOSE_S: Final = 2.0
"""How long a closing handshake may take before the socket is aborted."""

TEXT_LIMIT_BYTES: Final = 4 * 1024 * 1024
"""Text an upstream may leave unread. Ten of the largest Settings; more means it does not read at all."""

Cause = Literal["peer", "local", "watchdog", "transport"]


@dataclass(frozen=True, slots=True)
class Closed:
    """How a connection ended.

    Attributes:
        code: WebSocket close code (RFC 6455, 7.4); None when the connection broke without a close frame.
        reason: for people and logs.
        cause: ``peer`` sent a close frame; ``local``: we closed; ``watchdog``: no sign of life; ``transport``: the
            connection broke, or the peer broke the WebSocket protocol.
    """

    code: int | None
    reason: str
    cause: Cause


class Listener(Protocol):
    """Who a connection reports to. Called on the event loop; must not block.

    An exception is logged and counted, and leaves the connection as it is. The first calls may come before ``connect``
    has returned: an upstream may send its Welcome in one packet with its handshake.
    """

    def on_text(self, frame: bytes) -> None:
        """A text message came, whole; not checked to be JSON or UTF-8."""

    def on_audio(self, frame: bytes | memoryview) -> None:
        """A binary message came, whole. It is the listener's to keep."""

    def on_closed(self, closed: Closed) -> None:
        """The connection is gone. Called exactly once, last."""


class Wire(Protocol):
    """A WebSocket as a connection uses it. Reports to the connection's ``wire_…`` methods."""

    def write(self, data: bytes, *, text: bool) -> None:
        """Send one message. Called only while the connection is not paused."""

    def ping(self) -> None:
        """Send a ping."""

    def start_close(self, code: int) -> None:
        """Send the close frame; the peer's answer ends the connection."""

    def abort(self) -> None:
        """Drop the connection at once."""


class Connection:
    """An open connection: sends, counts, watches, closes in bounded time.

    Nothing here waits for a slow upstream: what the socket does not take at once is kept in order, audio up to
    ``limits.upstream_audio_queue_s`` (then its oldest is dropped).

    Attributes:
        request_id: the upstream's id of the handshake (``dg-request-id``), for its support.
        bytes_in, bytes_out: payload of messages received, and of messages given to the socket.
        dropped_bytes: audio dropped because the upstream read too slowly.
        callback_errors: exceptions of the listener.
    """

    def __init__(self, listener: Listener, *, limits: LimitSettings, input_bytes_per_s: int) -> None:
        self.request_id: str | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.dropped_bytes = 0
        self.callback_errors = 0
        self._listener = listener
        self._outbox = Outbox(audio_limit_bytes=int(input_bytes_per_s * limits.upstream_audio_queue_s))
        self._wire: Wire | None = None
        self._paused = False
        self._ending: Closed | None = None
        self._lost = asyncio.Event()
        self._signs = 0
        self._pong_s = limits.upstream_pong_s
        self._watchdog = Watchdog(
            ping_s=limits.upstream_ping_s,
            pong_s=limits.upstream_pong_s,
            ping=self._ping,
            signs=lambda: self.bytes_in + self._signs,
            dead=self._dead,
            loop=asyncio.get_running_loop(),
        )

    @property
    def closed(self) -> bool:
        """True when nothing can be sent any more: lost, or closing."""
        return self._ending is not None

    @property
    def congested(self) -> bool:
        """True while the socket takes no more: what is sent now waits, and audio may be dropped."""
        return self._paused

    def send_text(self, data: bytes) -> None:
        """Send a text message. Ignored on a closed connection: its listener was told."""
        if self._wire is None or self._ending is not None:
            return
        if self._paused:
            self._outbox.put_text(data)
            if self._outbox.text_bytes > TEXT_LIMIT_BYTES:
                self._fail(f"the upstream does not read: {self._outbox.text_bytes} bytes of messages wait", "transport")
            return
        self.bytes_out += len(data)
        self._wire.write(data, text=True)

    def send_audio(self, data: bytes) -> None:
        """Send audio. Ignored on a closed connection; drops the oldest audio when the upstream reads too slowly.

        Args:
            data: whole samples, so that what is left after a drop is still aligned.
        """
        if self._wire is None or self._ending is not None:
            return
        if self._paused:
            self.dropped_bytes += self._outbox.put_audio(data)
            return
        self.bytes_out += len(data)
        self._wire.write(data, text=False)

    async def close(self, code: int = 1000) -> None:
        """Close, and return when the connection is gone: at once if it is, within ``CLOSE_S`` if it is not.

        What still waits to be sent is dropped.
        """
        if self._ending is None:
            self._ending = Closed(code, "", "local")
            self._watchdog.stop()
            self._outbox.clear()
            if self._wire is not None:
                self._wire.start_close(code)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._lost.wait()
        except TimeoutError:
            _log.info("upstream_close_unanswered", bound_s=CLOSE_S)
        finally:
            if not self._lost.is_set():
                self._end()

    def discard(self) -> None:
        """Drop a connection that nobody was given, without telling the listener."""
        self._ending = self._ending or Closed(None, "connecting was given up", "local")
        self._lost.set()
        self._watchdog.stop()
        self._outbox.clear()
        if self._wire is not None:
            self._wire.abort()

    # from the wire

    def wire_open(self, wire: Wire, request_id: str | None) -> None:
        """The WebSocket is open."""
        if self._ending is not None:  # discarded at this very moment
            wire.abort()
            return
        self._wire = wire
        self.request_id = request_id
        self._watchdog.start()

    def wire_alive(self) -> None:
        """A frame without a message came, such as a pong."""
        self._signs += 1

    def wire_text(self, frame: bytes) -> None:
        """A text message came."""
        self.bytes_in += len(frame)
        if self._ending is None:
            try:
                self._listener.on_text(frame)
            except Exception:  # noqa: BLE001 - a listener's fault must not cost the conversation its connection
                self._callback_failed()

    def wire_audio(self, frame: bytes) -> None:
        """A binary message came."""
        self.bytes_in += len(frame)
        if self._ending is None:
            try:
                self._listener.on_audio(frame)
            except Exception:  # noqa: BLE001 - as above
                self._callback_failed()

    def wire_paused(self) -> None:
        """The socket takes no more for now."""
        self._paused = True

    def wire_writable(self) -> None:
        """The socket takes messages again: send what waits, until it pauses again."""
        self._paused = False
        while not self._paused and self._ending is None and self._wire is not None:
            waiting = self._outbox.take()
            if waiting is None:
                return
            self.bytes_out += len(waiting.data)
            self._wire.write(waiting.data, text=waiting.text)

    def wire_lost(self, code: int | None, reason: str, cause: Cause) -> None:
        """The WebSocket is gone; what ended it on our side counts more than how it looked from the socket."""
        if self._ending is None:
            self._ending = Closed(code, reason, cause)
        self._tell_closed()

    # inside

    def _ping(self) -> None:
        if self._wire is not None:
            self._wire.ping()

    def _dead(self) -> None:
        self._fail(f"no sign of life within {self._pong_s:g} s of a ping", "watchdog")

    def _fail(self, reason: str, cause: Cause) -> None:
        self._ending = Closed(None, reason, cause)
        self._end()

    def _end(self) -> None:
        """Drop the socket and say so now, not when the loop comes to it."""
        if self._wire is not None:
            self._wire.abort()
        self._tell_closed()

    def _tell_closed(self) -> None:
        if self._lost.is_set() or self._ending is None:
            return
        self._watchdog.stop()
        self._outbox.clear()
        self._lost.set()
        try:
            self._listener.on_closed(self._ending)
        except Exception:  # noqa: BLE001 - as above
            self._callback_failed()

    def _callback_failed(self) -> None:
        self.callback_errors += 1
        if self.callback_errors & (self.callback_errors - 1) == 0:  # 1, 2, 4, 8 …: a fault in every frame is no flood
            _log.exception("upstream_callback_failed", count=self.callback_errors)
