"""How our own WebSocket gets under the Deepgram SDK.

The SDK decides where to connect and as whom; it asks a process-wide factory for a transport. Which connection it asks
for is told by a context variable set around its ``connect`` (the factory's arguments do not tell).
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import deepgram.transport

_dialling: ContextVar["Dial"] = ContextVar("agentd_upstream_dial")


class Dial:
    """A place for the SDK to put its request; stands in for the transport it asked for (``AsyncTransport``).

    The socket belongs to its ``Connection``, which outlives the SDK's ``connect`` context: ``close`` leaves it alone.
    """

    url: str
    headers: dict[str, str]

    async def send(self, data: Any) -> None:
        """Not used: messages go through the connection."""
        raise RuntimeError("send through agentd.upstream.Connection")

    async def recv(self) -> Any:
        """Not used: messages go to the connection's listener."""
        raise RuntimeError("messages go to the connection's listener")

    def __aiter__(self) -> AsyncIterator[Any]:
        raise RuntimeError("messages go to the connection's listener")

    async def close(self) -> None:
        """Nothing to do."""


def _factory(url: str, headers: dict[str, str]) -> Dial:
    try:
        dial = _dialling.get()
    except LookupError:
        raise RuntimeError("this process connects the Deepgram SDK through agentd.upstream.deepgram.UpstreamClient") from None
    dial.url, dial.headers = url, dict(headers)
    return dial


def is_installed() -> bool:
    """Whether ``install_transport`` was called in this process: then the SDK's own transport is out of reach."""
    return getattr(deepgram.transport, "_active_async_factory", None) is _factory


def install_transport() -> None:
    """Give the Deepgram SDK our transport, in the whole process. Safe to call twice.

    Raises:
        RuntimeError: another transport is already installed.
    """
    deepgram.transport.install_transport(async_factory=_factory)
    # Below WARNING it tells of every connection, and at its finest of every header, the key included.
    logging.getLogger("picows.client").setLevel(logging.WARNING)


@contextlib.contextmanager
def dialling(dial: Dial) -> Iterator[None]:
    """Make ``dial`` the one the SDK's next ``connect`` in this task fills in."""
    token = _dialling.set(dial)
    try:
        yield
    finally:
        _dialling.reset(token)
