"""Who may talk to the engine: the key, in the header or as a WebSocket subprotocol, behind the Host and Origin check."""

import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

SCHEMES: Final = frozenset({"token", "bearer"})
"""Deepgram takes ``Token`` for keys and ``Bearer`` for JWTs; SDK 7.17 sends both in lower case too. Here either does."""

OPEN_PATHS: Final = frozenset({"/healthz"})


class Refusal(Exception):
    """A request that is turned away.

    Args:
        status: HTTP status.
        code: ``err_code`` of the body, as Deepgram's (INVALID_AUTH, TOO_MANY_REQUESTS, ...).
        message: for a person; also the ``dg-error`` header.
        headers: further headers, such as Retry-After.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


class Admission:
    """Decides about each request before anything else looks at it.

    Args:
        key: the one key that is accepted.
        hosts: names accepted in the Host header besides loopback ones, without port.
        before: further check of handshakes (the scripted peer refuses some on purpose); raises ``Refusal``.
    """

    def __init__(self, key: str, *, hosts: frozenset[str] = frozenset(), before: Callable[[], None] | None = None) -> None:
        if not key:
            raise ValueError("the engine needs a key")
        self._key = key.encode()
        self._hosts = hosts | {"127.0.0.1", "localhost", "::1"}
        self._before = before

    def admit(self, request: web.Request) -> None:
        """Let the request in.

        Raises:
            Refusal: wrong host (DNS rebinding), a foreign web page, or no valid key.
        """
        self._check_host(request)
        if request.path in OPEN_PATHS:
            return
        if self._before is not None and request.path == "/v1/agent/converse":
            self._before()
        credentials = _credentials(request)
        if credentials is None:
            raise Refusal(401, "INVALID_AUTH", "Send the engine's key: Authorization: Token <key>.")
        if not hmac.compare_digest(credentials.encode(), self._key):
            raise Refusal(401, "INVALID_AUTH", "The key is not this engine's.")

    def subprotocols(self, request: web.Request) -> tuple[str, ...]:
        """What to choose from what the client offered: browsers fail a connection that does not echo one."""
        offered = _offered(request)
        return tuple(offered[:1]) if offered and offered[0].lower() in SCHEMES else ()

    def _check_host(self, request: web.Request) -> None:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
        if host not in self._hosts:
            raise Refusal(403, "FORBIDDEN_HOST", "The Host header names a host this engine does not answer for.")
        origin = request.headers.get("Origin")
        if origin is not None and (urlsplit(origin).hostname or "") not in self._hosts:
            raise Refusal(403, "FORBIDDEN_ORIGIN", "Requests from this web origin are not accepted.")


def _offered(request: web.Request) -> list[str]:
    return [item.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", []) for item in value.split(",")]


def _credentials(request: web.Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in SCHEMES and value.strip():
        return value.strip()
    offered = _offered(request)
    if len(offered) == 2 and offered[0].lower() in SCHEMES and offered[1]:
        return offered[1]
    return None
