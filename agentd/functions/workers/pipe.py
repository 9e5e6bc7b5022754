"""Either end of the socket between daemon and worker: JSON lines both ways, and no trust in what comes in."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from agentd.functions.workers.wire import LINE_BYTES


class Pipe(asyncio.Protocol):
    """Sends messages, and takes whole lines out of what is received.

    Args:
        on_line: takes a line without its end.
        on_lost: the other end is closed.
        on_endless: more came than a line may hold.
    """

    def __init__(
        self, *, on_line: Callable[[bytearray], None], on_lost: Callable[[], None], on_endless: Callable[[], None]
    ) -> None:
        self._on_line = on_line
        self._on_lost = on_lost
        self._on_endless = on_endless
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._deaf = False

    def send(self, message: Mapping[str, Any]) -> bool:
        """Send a message; False when it is longer than the other end reads. After the end of that one nothing happens."""
        line = orjson.dumps(message) + b"\n"
        if len(line) > LINE_BYTES:
            return False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line)
        return True

    def stop_listening(self) -> None:
        """Take no more lines, also of those that are here already."""
        self._deaf = True

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        # Not isinstance: uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the whole lines out."""
        if b"\n" not in data:
            self._received += data
        else:
            *lines, rest = (self._received + data).split(b"\n")
            self._received = rest
            for line in lines:
                if not self._deaf:
                    self._on_line(line)
        if len(self._received) > LINE_BYTES and not self._deaf:
            self._on_endless()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is closed."""
        self._on_lost()
