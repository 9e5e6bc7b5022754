"""Talks to the running daemon: where it is, the token, and problems as errors a person can act on."""

import asyncio
import os
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
        self._base = base_url(settings)
        self._token_file = settings.paths.state_dir / "token"

    def call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
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
        return asyncio.run(self._call(method, path, body, query or {}, timeout_s))

    async def _call(self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str], timeout_s: float) -> Any:
        # No proxy from the environment: the daemon is on this machine or named on purpose.
        limits = aiohttp.ClientTimeout(total=timeout_s + _MARGIN_S, connect=_CONNECT_S)
        async with aiohttp.ClientSession(timeout=limits, trust_env=False) as http:
            try:
                async with http.request(
                    method,
                    self._base + path,
                    params=query,
                    headers={"Authorization": f"Bearer {self._token()}"},
                    json=body,
                    allow_redirects=False,
                ) as response:
                    return _answer(response.status, response.content_type, await response.read())
            except aiohttp.ClientConnectorError as error:
                raise DaemonError(
                    f"no daemon at {self._base} ({_reason(error.os_error)}). Start it with: agentd serve"
                ) from error
            except TimeoutError as error:
                raise DaemonError(f"the daemon at {self._base} gave no answer within {timeout_s:g} s.") from error
            except aiohttp.ClientError as error:
                raise DaemonError(f"talking to {self._base} failed: {type(error).__name__}.") from error

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


def _answer(status: int, content_type: str, payload: bytes) -> Any:
    if not payload:
        document = None
    else:
        try:
            document = orjson.loads(payload)
        except orjson.JSONDecodeError:
            document = None
            if status < 400:
                raise DaemonError(f"the answer is {content_type}, not JSON: is this agentd?") from None
    if status < 400:
        return document
    if not isinstance(document, dict):
        raise DaemonError(f"the daemon answered {status} without saying why.")
    faults = [
        FieldError(str(fault.get("pointer", "")), str(fault.get("detail", "")))
        for fault in document.get("errors") or ()
        if isinstance(fault, dict)
    ]
    raise DaemonError(f"{document.get('detail') or document.get('title')} ({document.get('code', status)})", errors=faults)
