"""The streams that the ``mcp`` package reads and writes, with bounds of ours: size and number of messages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

import httpx2
import structlog
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from agentd.functions.mcp.pace import BYTES_PER_S, MESSAGES_PER_S, Pace
from agentd.functions.mcp.process import Command, ServerGone, ServerProcess

CONNECT_S: Final = 5.0
GOODBYE_S: Final = 2.0
"""For the request that ends a session."""

_log = structlog.get_logger("agentd.functions")

Incoming: TypeAlias = SessionMessage | Exception
Ended = Callable[[str], None]
"""Told once that nothing comes any more, and why."""


class _Read(Protocol):
    async def receive(self) -> Incoming: ...
    async def aclose(self) -> None: ...
    async def __anext__(self) -> Incoming: ...


class _Closing:
    """What makes a stream usable in ``async with``."""

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Nothing is held."""


class Paced(_Closing):
    """What a server sends, no faster than ``MESSAGES_PER_S``."""

    def __init__(self, inner: _Read, ended: Ended) -> None:
        self._inner = inner
        self._ended = ended
        self._pace = Pace(MESSAGES_PER_S)

    @property
    def last_context(self) -> Any:
        """The context that the last message was sent in, where the inner stream knows it."""
        return getattr(self._inner, "last_context", None)

    def __aiter__(self) -> "Paced":
        return self

    async def __anext__(self) -> Incoming:
        if await self._pace.turn():
            _log.info("mcp_messages_held_up", per_s=MESSAGES_PER_S)
        try:
            message = await self._inner.__anext__()
        except StopAsyncIteration:
            self._ended("")
            raise
        self._pace.took()
        return message

    async def receive(self) -> Incoming:
        """The next message."""
        return await self.__anext__()

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()


class _Lines(_Closing):
    """Messages from the standard output of a process, one a line."""

    def __init__(self, process: ServerProcess, name: str, ended: Ended) -> None:
        self._process = process
        self._name = name
        self._ended = ended

    async def receive(self) -> Incoming:
        return await self.__anext__()

    async def __anext__(self) -> Incoming:
        while True:
            try:
                line = await self._process.line()
            except ServerGone as gone:
                self._ended(str(gone))
                raise StopAsyncIteration from None
            if not line:
                raise StopAsyncIteration
            try:
                return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValidationError:
                _log.warning("mcp_line_is_no_message", server=self._name, bytes=len(line))
                await asyncio.sleep(1 / MESSAGES_PER_S)


class _Written(_Closing):
    """Messages to the standard input of a process."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    async def send(self, item: SessionMessage) -> None:
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        try:
            await self._process.send(text.encode() + b"\n")
        except ServerGone as gone:
            raise BrokenPipeError(str(gone)) from None


@asynccontextmanager
async def over_stdio(process: ServerProcess, command: Command, name: str, ended: Ended) -> AsyncIterator[tuple[Paced, _Written]]:
    """A server that is started for this block and stopped after it.

    Raises:
        ServerGone: it cannot be started.
    """
    try:
        await process.start(command)
        yield Paced(_Lines(process, name, ended), ended), _Written(process)
    finally:
        await process.stop()


@asynccontextmanager
async def over_http(
    url: str, headers: dict[str, str], *, silence_s: float, message_bytes: int, ended: Ended
) -> AsyncIterator[tuple[Paced, Any]]:
    """A server that runs elsewhere.

    Args:
        silence_s: a stream that says nothing for so long is given up.
    """
    bounded = _Bounded(httpx2.AsyncHTTPTransport(retries=0), message_bytes)
    client = httpx2.AsyncClient(
        transport=bounded,
        headers={**headers, "Accept-Encoding": "identity", "User-Agent": "agentd"},
        timeout=httpx2.Timeout(CONNECT_S, read=silence_s),
        follow_redirects=False,
        trust_env=False,
    )
    async with client:
        connecting: AbstractAsyncContextManager[Any] = streamable_http_client(
            url, http_client=client, max_sse_event_size=message_bytes
        )
        async with connecting as (read, write):
            yield Paced(read, ended), write


class _Bounded(httpx2.AsyncBaseTransport):
    """Requests as they are, answers with bounds: no redirect, nothing compressed, no body larger than a message may be."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, limit_bytes: int) -> None:
        self._inner = inner
        self._limit_bytes = limit_bytes
        self._pace = Pace(BYTES_PER_S)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers.pop("Cookie", None)
        if request.method == "DELETE":
            request.extensions = {**request.extensions, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), GOODBYE_S)}
        response = await self._inner.handle_async_request(request)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        refused = ""
        if 300 <= response.status_code < 400:
            refused = f"it answered with a redirect ({response.status_code}), which is not followed"
        elif response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            refused = "it compressed its answer although it was asked not to"
        if refused:
            await response.aclose()
            raise httpx2.RemoteProtocolError(refused, request=request)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            # A stream of events may go on for days; each event has its bound in the package.
            response.stream = _Counted(response.stream, None if kind == "text/event-stream" else self._limit_bytes, self._pace)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit_bytes: int | None, pace: Pace) -> None:
        self._inner = inner
        self._limit_bytes = limit_bytes
        self._pace = pace

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        async for chunk in self._inner:
            came += len(chunk)
            if self._limit_bytes is not None and came > self._limit_bytes:
                raise httpx2.ReadError("its answer is too long")
            self._pace.took(len(chunk))
            yield chunk
            await self._pace.turn()

    async def aclose(self) -> None:
        await self._inner.aclose()
