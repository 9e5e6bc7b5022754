"""A connection's WebSocket by the Deepgram SDK's own means: the fallback, and what ours is compared with.

It costs what performance.md measured: a TLS context and a parse of package metadata per connection, twice the time per
frame. It knows no proxy (the SDK passes none on).
"""

import asyncio
import contextlib
from typing import Any, Final, Literal

from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from websockets.exceptions import ConnectionClosed

from agentd.supervise import Nursery, spawn
from agentd.upstream.connection import Connection
from agentd.upstream.failures import Refusal, Refused

PENDING: Final = 8
"""Things that may wait for the sender: one message (then the connection is paused), a close, pings up to the watchdog's end."""

_Job = tuple[Literal["text", "audio", "ping", "close"], Any]


class _SdkWire:
    """``Wire`` over the SDK's socket, whose sends are coroutines: one task sends, one message at a time."""

    def __init__(self, connection: Connection, frame_bytes: int) -> None:
        self._connection = connection
        self._frame_bytes = frame_bytes
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(PENDING)
        self._socket: Any = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # for the connection

    def write(self, data: bytes, *, text: bool) -> None:
        self._connection.wire_paused()
        self._jobs.put_nowait(("text" if text else "audio", data))

    def ping(self) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._jobs.put_nowait(("ping", None))

    def start_close(self, code: int) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # the sender hangs: the caller's bound ends it
            self._jobs.put_nowait(("close", code))

    def abort(self) -> None:
        if self._socket is not None and self._socket.transport is not None:
            self._socket.transport.abort()

    # its task

    async def run(self, sdk: AsyncDeepgramClient) -> None:
        """Connect, then live as long as the connection. ``opened`` tells how connecting went."""
        try:
            async with sdk.agent.v1.connect() as client:
                self._socket = client._websocket  # noqa: SLF001 - below the SDK's parsing, which loses unknown messages
                self._socket.max_size = self._frame_bytes
                self._connection.wire_open(self, self._socket.response_headers.get("dg-request-id"))
                self.opened.set_result(None)
                await self._live()
        except ApiError as error:
            # The SDK's error holds our own headers; the answer's are in what it came from.
            answer = error.__context__
            headers = {name.lower(): value for name, value in dict(getattr(answer, "headers", {})).items()}
            self._not_opened(Refused(Refusal(error.status_code or 0, headers)))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for `opened`
            self._not_opened(error)
        finally:
            self.opened.cancel()
            if self._socket is not None:
                self._tell_lost()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            sender = spawn(group, self._send(), name="upstream:sdk:send")
            with contextlib.suppress(ConnectionClosed):
                async for message in self._socket:
                    if isinstance(message, bytes):
                        self._connection.wire_audio(message)
                    else:
                        self._connection.wire_text(message.encode())
            sender.cancel()

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                match await self._jobs.get():
                    case ("text", data):
                        await self._socket.send(data.decode())
                        self._connection.wire_writable()
                    case ("audio", data):
                        await self._socket.send(data)
                        self._connection.wire_writable()
                    case ("ping", _):
                        pong = await self._socket.ping()
                        pong.add_done_callback(self._ponged)
                    case ("close", code):
                        await self._socket.close(code)

    def _ponged(self, pong: asyncio.Future[Any]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self._connection.wire_alive()

    def _not_opened(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)

    def _tell_lost(self) -> None:
        peers, ours = self._socket.close_rcvd, self._socket.close_sent
        if peers is not None:
            self._connection.wire_lost(peers.code, peers.reason, "peer")
        elif ours is not None:
            self._connection.wire_lost(ours.code, ours.reason, "transport")
        else:
            self._connection.wire_lost(None, "the connection broke without a close frame", "transport")


async def open_sdk_wire(connection: Connection, sdk: AsyncDeepgramClient, *, frame_bytes: int, nursery: Nursery) -> None:
    """Connect ``connection``. The caller sets the time limit; cancelled, it leaves nothing behind.

    Raises:
        Refused: the handshake was refused.
        OSError, websockets.exceptions.WebSocketException: it did not come to an answer.
    """
    wire = _SdkWire(connection, frame_bytes)
    task = nursery.start(wire.run(sdk), name="upstream:sdk")
    try:
        await asyncio.shield(wire.opened)
    except BaseException:
        task.cancel()
        raise
