"""Talks to the running daemon: where it is, the token, and problems as errors a person can act on."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from agentd.config import Settings
from agentd.errors import AgentdError, FieldError

_CONNECT_S: Final = 5.0
_MARGIN_S: Final = 10.0


class DaemonError(AgentdError):
    """The daemon refused, or is not there. The command line's own: it never travels over HTTP."""


class NoDaemon(DaemonError):
    """Nobody is there, or not any more: trying again may help."""


def url_file(settings: Settings) -> Path:
    """Where the daemon writes its address."""
    return settings.paths.state_dir / "agentd.url"


def base_url(settings: Settings) -> str:
    """The running daemon's address; what the configuration says when it left none."""
    try:
        return url_file(settings).read_text(encoding="utf-8").strip().rstrip("/")
    except FileNotFoundError:
        server = settings.server
        host = f"[{server.host}]" if ":" in server.host else server.host
        return f"{'https' if server.tls_cert else 'http'}://{host}:{server.port}"
    except OSError as error:
        raise DaemonError(f"cannot read {url_file(settings)}: {error.strerror}.") from error


def segment(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


class Daemon:
    """The control API of the daemon that uses these settings."""

    def __init__(self, settings: Settings) -> None:
        self.base = base_url(settings)
        self._token_file = settings.paths.state_dir / "token"
        self._certificate = settings.server.tls_cert

    def call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
    ) -> Any:
        """One request.

        Args:
            method: of HTTP.
            path: below the base, such as ``/v1/sessions``.
            body: sent as JSON.
            query: of the URL.
            timeout_s: how long the daemon may take; a little more is allowed for the way.

        Returns:
            The JSON answer, or None for an empty one.

        Raises:
            DaemonError: no daemon, no token, or a problem document; its detail says what to do.
        """

        async def exchange() -> Any:
            async with self.request(method, path, body=body, query=query, timeout_s=timeout_s) as response:
                return _document(response, await response.read())

        return asyncio.run(exchange())

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request whose answer is read by the caller; without ``timeout_s`` it may go on for ever.

        Raises:
            DaemonError: no daemon, no token, a problem document, or the daemon left in the middle.
        """
        async with self._http(timeout_s) as http:
            asked = http.request(
                method,
                self.base + path,
                params=query,
                headers=self._authorization() | dict(headers or {}),
                json=body,
                allow_redirects=False,
                ssl=self._ssl(),
            )
            async with asked as response:
                if response.status >= 400:
                    raise _problem(response, await response.read())
                yield response

    @asynccontextmanager
    async def websocket(self, path: str, query: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket of the daemon.

        Raises:
            DaemonError: as ``request``.
        """
        async with self._http(None) as http:
            try:
                connected = await http.ws_connect(
                    self.base + path, params=query, headers=self._authorization(), ssl=self._ssl(), heartbeat=20.0
                )
            except aiohttp.WSServerHandshakeError:
                # The handshake keeps nothing of the answer's body: ask again, as a plain request, what the problem is.
                async with self.request("GET", path, query=query, timeout_s=_CONNECT_S):
                    raise DaemonError(f"{self.base}{path} took no WebSocket.") from None
            async with connected:
                yield connected

    @asynccontextmanager
    async def _http(self, timeout_s: float | None) -> AsyncIterator[aiohttp.ClientSession]:
        # No proxy from the environment: the daemon is on this machine or named on purpose.
        total_s = None if timeout_s is None else timeout_s + _MARGIN_S
        limits = aiohttp.ClientTimeout(total=total_s, connect=_CONNECT_S)
        try:
            async with aiohttp.ClientSession(timeout=limits, trust_env=False) as http:
                yield http
        except aiohttp.ClientConnectorError as error:
            raise NoDaemon(f"no daemon at {self.base} ({_reason(error.os_error)}). Start it with: agentd serve") from error
        except TimeoutError as error:
            raise DaemonError(f"the daemon at {self.base} gave no answer in time.") from error
        except aiohttp.ClientError as error:
            raise NoDaemon(f"talking to {self.base} failed: {type(error).__name__}.") from error

    def _ssl(self) -> ssl.SSLContext | bool:
        """The daemon's own certificate is trusted, whatever names it is for: the address came from the daemon's own files."""
        if self._certificate is None:
            return True
        context = ssl.create_default_context(cafile=str(self._certificate))
        context.check_hostname = False
        return context

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}

    def _token(self) -> str:
        try:
            return self._token_file.read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise DaemonError(
                f"no token at {self._token_file}. The daemon writes it at its first start; "
                "if it uses another folder, give the same --config or --state-dir."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise DaemonError(f"cannot read {self._token_file}: {getattr(error, 'strerror', 'not ASCII')}.") from error


def _reason(error: OSError) -> str:
    """The system's words; asyncio replaces them by its own."""
    return os.strerror(error.errno) if error.errno else str(error)


def _document(response: aiohttp.ClientResponse, payload: bytes) -> Any:
    if not payload:
        return None
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise DaemonError(f"the answer is {response.content_type}, not JSON: is this agentd?") from None


def _problem(response: aiohttp.ClientResponse, payload: bytes) -> DaemonError:
    """What the daemon says went wrong."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        return DaemonError(f"the daemon answered {response.status} without saying why.")
    faults = [
        FieldError(str(fault.get("pointer", "")), str(fault.get("detail", "")))
        for fault in document.get("errors") or ()
        if isinstance(fault, dict)
    ]
    said = document.get("detail") or document.get("title")
    return DaemonError(f"{said} ({document.get('code', response.status)})", errors=faults)
