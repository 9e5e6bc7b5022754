"""A connection's WebSocket on picows: frames go straight from the socket's buffer to the connection."""

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

import aiohappyeyeballs
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, WSUpgradeResponse, ws_connect
from picows.url import WSParsedURL

from agentd.supervise import Nursery
from agentd.upstream.connection import CLOSE_S, Connection

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CONTINUATION: Final = WSMsgType.CONTINUATION
_CLOSE: Final = WSMsgType.CLOSE

UNSENT_BYTES: Final = 16_384
"""What the kernel may hold of unsent data: half a second of 16 kHz audio. Without it its buffer grows to megabytes,
which is minutes of speech that can no longer be dropped (tcp(7), TCP_NOTSENT_LOWAT)."""

NEXT_ADDRESS_S: Final = 0.25
"""How long one address of a host may stay silent before the next is tried beside it (RFC 8305)."""

NO_STATUS: Final = 1005
"""What a close frame without a code means (RFC 6455, 7.1.5)."""


class _Frames(WSListener):
    """Joins fragments, answers the close frame, passes everything on. ``Wire`` of its connection."""

    def __init__(self, connection: Connection, request_id: str | None, *, frame_bytes: int, nursery: Nursery) -> None:
        self._connection = connection
        self._request_id = request_id
        self._frame_bytes = frame_bytes
        self._nursery = nursery
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._parts_text = False
        self._peers_close: tuple[int, str] | None = None
        self._we_close = False

    # from picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        below = transport.underlying_transport
        # Paused as soon as the kernel refuses a byte: what waits then, waits in the outbox, where it can be dropped.
        below.set_write_buffer_limits(high=0)
        below.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self._connection.wire_open(self, self._request_id)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _BINARY and frame.fin and not self._parts:
            # One copy: the frame lies in the receive buffer and is gone when this returns.
            self._connection.wire_audio(frame.get_payload_as_bytes())
        elif kind is _TEXT and frame.fin and not self._parts:
            self._connection.wire_text(frame.get_payload_as_bytes())
        elif kind in {_TEXT, _BINARY, _CONTINUATION}:
            self._fragment(transport, frame, kind)
        elif kind is _CLOSE:
            self._peer_closes(transport, frame)
        else:
            self._connection.wire_alive()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._peers_close is not None:
            self._connection.wire_lost(*self._peers_close, "peer")
        elif transport.is_close_frame_sent:
            handshake: Any = transport.close_handshake  # its stub takes codes for plain enums; they are ints
            self._connection.wire_lost(int(handshake.sent.code), handshake.sent.reason, "transport")
            if not self._we_close:
                # What picows found wrong lies in a future that complains when nobody looks at it.
                self._nursery.start(_look_at_fault(transport), name="upstream:fault")
        else:
            self._connection.wire_lost(None, "the connection broke without a close frame", "transport")

    def pause_writing(self) -> None:
        self._connection.wire_paused()

    def resume_writing(self) -> None:
        self._connection.wire_writable()

    # for the connection

    def write(self, data: bytes, *, text: bool) -> None:
        if self._transport is not None:
            self._transport.send(_TEXT if text else _BINARY, data)

    def ping(self) -> None:
        if self._transport is not None:
            self._transport.send_ping()

    def start_close(self, code: int) -> None:
        if self._transport is not None:
            self._we_close = True
            _send_close(self._transport, code)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # inside

    def _fragment(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        """A message that comes in several frames (RFC 6455, 5.4)."""
        starts = kind is not _CONTINUATION
        if starts == bool(self._parts):
            self._refuse(transport, WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
            return
        if starts:
            self._parts_text = kind is _TEXT
        self._parts.append(frame.get_payload_as_bytes())
        self._parts_bytes += frame.payload_size
        if self._parts_bytes > self._frame_bytes:
            self._refuse(transport, WSCloseCode.MESSAGE_TOO_BIG, f"a message of more than {self._frame_bytes} bytes")
            return
        if not frame.fin:
            self._connection.wire_alive()
            return
        whole = b"".join(self._parts)
        self._parts.clear()
        self._parts_bytes = 0
        if self._parts_text:
            self._connection.wire_text(whole)
        else:
            self._connection.wire_audio(whole)

    def _refuse(self, transport: WSTransport, code: WSCloseCode, reason: str) -> None:
        self._parts.clear()
        transport.send_close(code, reason)
        transport.disconnect(graceful=False)

    def _peer_closes(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        code = int.from_bytes(payload[:2], "big") if payload else NO_STATUS
        if not transport.is_close_frame_sent:
            self._peers_close = (code, payload[2:].decode(errors="replace"))
            _send_close(transport, 1000 if code == NO_STATUS else code)
        transport.disconnect()
        # Our answer may never drain into a peer that stopped reading.
        asyncio.get_running_loop().call_later(CLOSE_S, transport.disconnect, False)


async def open_wire(
    connection: Connection,
    url: str,
    headers: dict[str, str],
    *,
    tls: ssl.SSLContext,
    proxy: str | None,
    frame_bytes: int,
    nursery: Nursery,
) -> None:
    """Connect ``connection`` to ``url``. The caller sets the time limit; cancelled, it leaves no socket behind.

    Redirects are not followed: the request carries the key.

    Raises:
        picows.WSError, python_socks.ProxyError, OSError: as ``agentd.upstream.failures`` tells them apart.
    """
    dialled: list[socket.socket] = []

    async def dial(where: WSParsedURL) -> socket.socket:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
        dialled.append(await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, loop=loop))
        return dialled[0]

    def answered(_: WSUpgradeRequest, response: WSUpgradeResponse) -> _Frames:
        request_id = response.headers.get("dg-request-id")
        return _Frames(connection, request_id, frame_bytes=frame_bytes, nursery=nursery)

    try:
        _, frames = await ws_connect(
            answered,
            url,
            ssl_context=tls,
            extra_headers=headers,
            proxy=proxy,
            proxy_ssl_context=tls if proxy is not None and proxy.startswith("https:") else None,
            socket_factory=dial,
            max_frame_size=frame_bytes,
            max_redirects=0,
            disconnect_on_exception=False,
            websocket_handshake_timeout=None,
        )
    except BaseException:
        # picows, cancelled in its handshake, would keep the socket open. Its transport owns the descriptor, so this
        # does not close it but makes it read the end of the stream.
        for one in dialled:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        raise
    if frames is None:  # how picows tells that the peer hung up in the handshake
        raise ConnectionResetError("the peer closed the connection during the handshake")


async def _look_at_fault(transport: WSTransport) -> None:
    with contextlib.suppress(Exception):
        await transport.wait_disconnected()


def _send_close(transport: WSTransport, code: int) -> None:
    send_close: Any = transport.send_close  # takes any code; its stub knows only those of the standard
    send_close(code)
