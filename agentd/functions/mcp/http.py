"""An MCP server over HTTP (MCP, "Streamable HTTP"): what it answers is bounded, and whether a call has reached it is known."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final

import httpx2
import orjson
from mcp.client.streamable_http import streamable_http_client

from agentd.functions.mcp.pace import Pace
from agentd.functions.mcp.reach import Reach
from agentd.functions.mcp.streams import Ended, Paced

GOODBYE_S: Final = 2.0
"""For the request that ends a session."""
_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""There was no connection that anything could have been sent on."""
_CREDENTIAL: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The package keeps the status to itself, so what is wrong is said here; a call fails by itself, and a look follows."""


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
