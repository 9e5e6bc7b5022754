"""The streams that the ``mcp`` package reads and writes, with bounds of ours: size and number of messages."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

import httpx2
import orjson
import structlog
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from agentd.functions.mcp.pace import Pace, Seldom
from agentd.functions.mcp.process import Command, ServerGone, ServerProcess
from agentd.functions.mcp.reach import Reach

GOODBYE_S: Final = 2.0
"""For the request that ends a session."""

_log = structlog.get_logger("agentd.functions")

_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""There was no connection that anything could have been sent on."""

_CREDENTIAL: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The package keeps the status to itself, so what is wrong is said here; a call fails by itself, and a look follows."""

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


class Attempt:
    """What became of the request that carries a call, over HTTP.

    Attributes:
        reached: False when the server certainly has not seen it, or answered that it does not know the session that it
            belongs to (404, MCP "Session Management"); True when it may have run it; None before anything is known, and
            where a call is no request.
    """

    def __init__(self) -> None:
        self.reached: bool | None = None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """The call that is made in this block; the package hands the context of who sends on to its request."""
        token = _attempt.set(self)
        try:
            yield
        finally:
            _attempt.reset(token)

    async def trace(self, event: str, _: object) -> None:
        """Told by the HTTP client of what it does; until its first byte is written, the call can be ended without effect."""
        if event.endswith("send_request_headers.started"):
            self.reached = True


_attempt: ContextVar[Attempt | None] = ContextVar("_attempt", default=None)


class Paced(_Closing):
    """What a server sends, no faster than ``per_s`` messages."""

    def __init__(self, inner: _Read, name: str, per_s: int, ended: Ended) -> None:
        self._inner = inner
        self._name = name
        self._tells = Seldom()
        self._ended = ended
        self._per_s = per_s
        self._pace = Pace(per_s)

    @property
    def last_context(self) -> Any:
        """The context that the last message was sent in, where the inner stream knows it."""
        return getattr(self._inner, "last_context", None)

    def __aiter__(self) -> "Paced":
        return self

    async def __anext__(self) -> Incoming:
        if await self._pace.turn() and self._tells.due():
            _log.info("mcp_messages_held_up", server=self._name, per_s=self._per_s)
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

    def __init__(self, process: ServerProcess, name: str, per_s: int, ended: Ended) -> None:
        self._process = process
        self._name = name
        self._each_s = 1 / per_s
        self._tells = Seldom()
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
                if self._tells.due():
                    _log.warning("mcp_line_is_no_message", server=self._name, bytes=len(line), not_told=self._tells.passed_over())
                await asyncio.sleep(self._each_s)


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
async def over_stdio(
    process: ServerProcess, command: Command, name: str, messages_per_s: int, ended: Ended
) -> AsyncIterator[tuple[Paced, _Written]]:
    """A server that is started for this block and stopped after it.

    Raises:
        ServerGone: it cannot be started.
    """
    try:
        await process.start(command)
        yield Paced(_Lines(process, name, messages_per_s, ended), name, messages_per_s, ended), _Written(process)
    finally:
        await process.stop()


@asynccontextmanager
async def over_http(reach: Reach, name: str, *, ended: Ended, broken: Callable[[], None]) -> AsyncIterator[tuple[Paced, Any]]:
    """A server that runs elsewhere.

    Args:
        broken: told when a stream that should go on does not: the server may be gone.
    """
    bounded = _Bounded(httpx2.AsyncHTTPTransport(retries=0), reach, broken)
    client = httpx2.AsyncClient(
        transport=bounded,
        headers={**dict(reach.headers), "Accept-Encoding": "identity", "User-Agent": "agentd"},
        timeout=httpx2.Timeout(reach.connect_s, read=reach.silence_s),
        follow_redirects=False,
        trust_env=False,
    )
    async with client:
        connecting: AbstractAsyncContextManager[Any] = streamable_http_client(
            reach.url or "", http_client=client, max_sse_event_size=reach.message_bytes
        )
        async with connecting as (read, write):
            yield Paced(read, name, reach.messages_per_s, ended), write


class _Bounded(httpx2.AsyncBaseTransport):
    """Requests as they are, answers with bounds: no redirect, nothing compressed, no body larger than a message may be."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, reach: Reach, broken: Callable[[], None]) -> None:
        self._inner = inner
        self._limit_bytes = reach.message_bytes
        self._broken = broken
        self._pace = Pace(reach.bytes_per_s)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers.pop("Cookie", None)
        if request.method == "DELETE":
            request.extensions = {**request.extensions, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), GOODBYE_S)}
        response = await self._sent(request)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        refused = ""
        if 300 <= response.status_code < 400:
            refused = f"it answered with a redirect ({response.status_code}), which is not followed"
        elif response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            refused = "it compressed its answer although it was asked not to"
        elif response.status_code in _CREDENTIAL and not _is_call(request):
            refused = f"it answered with status {response.status_code}: check the credential in its headers"
        elif response.status_code >= 500 and not _is_call(request):
            refused = f"it answered with status {response.status_code}"
        if refused:
            await response.aclose()
            raise httpx2.RemoteProtocolError(refused, request=request)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            events = kind == "text/event-stream"
            response.stream = _Counted(
                response.stream,
                self._pace,
                # A stream of events may go on for days; each event has its bound in the package.
                limit_bytes=None if events else self._limit_bytes,
                broken=self._broken if events else None,
                endless=events and request.method == "GET",
            )
        return response

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, and note whether a call that it carries has reached the server."""
        attempt = _attempt.get()
        # What follows a call in its context, such as taking up its broken stream again, says nothing of the call.
        if attempt is None or attempt.reached is not None or not _is_call(request):
            return await self._inner.handle_async_request(request)
        request.extensions = {**request.extensions, "trace": attempt.trace}
        attempt.reached = False
        try:
            response = await self._inner.handle_async_request(request)
        except _NEVER_SENT:
            # Not raised: the package ends the whole connection then, and other calls with it.
            return httpx2.Response(HTTPStatus.SERVICE_UNAVAILABLE, request=request)
        except Exception:
            attempt.reached = True
            raise
        attempt.reached = not (response.status_code == HTTPStatus.NOT_FOUND and "Mcp-Session-Id" in request.headers)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _is_call(request: httpx2.Request) -> bool:
    return request.method == "POST" and orjson.loads(request.content).get("method") == "tools/call"


class _Counted(httpx2.AsyncByteStream):
    """A body, bounded and paced.

    Args:
        broken: told when it breaks off.
        endless: told also when it ends.
    """

    def __init__(
        self,
        inner: httpx2.AsyncByteStream,
        pace: Pace,
        *,
        limit_bytes: int | None,
        broken: Callable[[], None] | None,
        endless: bool,
    ) -> None:
        self._inner = inner
        self._pace = pace
        self._limit_bytes = limit_bytes
        self._broken = broken
        self._endless = endless

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        try:
            async for chunk in self._inner:
                came += len(chunk)
                if self._limit_bytes is not None and came > self._limit_bytes:
                    # Of this kind the package makes an error of this one request; of others the end of the connection.
                    raise httpx2.StreamError(f"its answer has more than {self._limit_bytes} bytes")
                self._pace.took(len(chunk))
                yield chunk
                await self._pace.turn()
        except httpx2.TransportError:
            if self._broken is not None:
                self._broken()
            raise
        if self._endless and self._broken is not None:
            self._broken()

    async def aclose(self) -> None:
        await self._inner.aclose()
