"""Requests that the engine makes to servers which the Settings name: exactly as given, never further, and never without bound.

The URL goes out as it was written, the query untouched, with the given headers and what HTTP itself needs. Redirects are not
followed, proxies and keys from the environment play no part, and nothing is decompressed: a bound on the bytes is one on the
memory.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

CONNECT_S: Final = 5.0
"""To find the host, connect and greet."""

IDLE_S: Final = 15.0
"""How long a connection is kept for the next request."""

LINE_BYTES: Final = 256 * 1024
"""Longest line of an answer."""

FAULTS: Final = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError)
"""What goes wrong with a server: it cannot be reached, breaks off, leaves the protocol, or what was given cannot be sent."""

_SHORTEST_SECRET: Final = 6
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class Refused(Exception):
    """The server was reached and its answer cannot be used; the text holds no secret."""


class Outbound:
    """The way to one URL.

    Args:
        endpoint: ``url``, and ``headers`` if there are any.
        silence_s: longest wait for the next bytes of an answer.
    """

    def __init__(self, endpoint: Mapping[str, Any], *, silence_s: float) -> None:
        self.url = str(endpoint.get("url") or "")
        given = endpoint.get("headers")
        self.headers = {str(name): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
        self._silence_s = silence_s
        self._session: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        """Where the server is, without the path and the query, which may hold keys."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    async def open(
        self, method: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None, query: str = ""
    ) -> aiohttp.ClientResponse:
        """Send a request; the answer, for the caller to close, once its headers are there and say that it may be read.

        Args:
            headers: defaults; a given header of the same name stands in their place.
            query: added to the URL's own.

        Raises:
            Refused: the URL is none, or the answer is compressed.
            FAULTS: as they say.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Refused(f"the endpoint must have a full http or https URL, not one that begins {self.url[:12]!r}")
        url = self.url.partition("#")[0]
        if query:
            url += ("&" if parts.query else "" if url.endswith("?") else "?") + query
        given = {name.lower() for name in self.headers}
        defaults = {name: value for name, value in (headers or {}).items() if name.lower() not in given}
        if self._session is None:
            self._session = await self._connect(parts.scheme)
        response = await self._session.request(
            method, URL(url, encoded=True), data=body, headers={**defaults, **self.headers}, allow_redirects=False
        )
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            response.close()
            raise Refused(f"{self.host} answered in {encoding[:20]!r}, which was not asked for")
        return response

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def fault(self, error: Exception) -> str:
        """What went wrong, for a person."""
        if isinstance(error, TimeoutError):
            return f"{self.host} did not answer in time"
        if isinstance(error, aiohttp.ClientConnectionError):
            reason = error.strerror if isinstance(error, aiohttp.ClientOSError) and error.strerror else str(error)
            return self.without_secrets(f"{self.host} cannot be reached: {reason or type(error).__name__}")
        return self.without_secrets(f"{self.host} gave no usable answer: {str(error) or type(error).__name__}")

    def without_secrets(self, text: str) -> str:
        """``text`` without the values of the headers and the query, which servers like to repeat in their errors."""
        secrets = [
            self.url,
            *self.headers.values(),
            *(value.split(" ", 1)[-1] for value in self.headers.values()),
            urlsplit(self.url).query,
            *(pair.partition("=")[2] for pair in urlsplit(self.url).query.split("&")),
        ]
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text[:500]

    async def _connect(self, scheme: str) -> aiohttp.ClientSession:
        verify = await asyncio.to_thread(_tls) if scheme == "https" else True
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=verify, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_read=self._silence_s),
            skip_auto_headers=_AUTOMATIC,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=LINE_BYTES // 2,  # a line may be twice as long
        )


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its first ``limit`` bytes and one more."""
    body = b""
    while len(body) <= limit and (more := await response.content.read(limit + 1 - len(body))):
        body += more
    return body


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One TLS context for all: reading the certificates takes tens of milliseconds."""
    return ssl.create_default_context()
