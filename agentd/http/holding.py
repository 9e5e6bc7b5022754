"""What a slow client of a stream does not take waits where it is bounded and can be cut: in its mailbox, not in the kernel."""

import socket
from typing import Final

from aiohttp import web

UNSENT_BYTES: Final = 16_384
"""What the kernel, and the transport above it, may hold of unsent data each. Without it the kernel's buffer grows to megabytes:
minutes of speech that a barge-in cannot cut any more, and hours before a reader is known to be stuck (tcp(7),
TCP_NOTSENT_LOWAT)."""


def hold_little(request: web.Request) -> None:
    """Bound what waits below the writer of this connection; for streams, before their first byte."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=UNSENT_BYTES)
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
