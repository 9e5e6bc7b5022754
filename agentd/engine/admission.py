"""Who may talk to the engine: one key, behind the same door as the control API, refused in Deepgram's words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import web

from agentd.door import Door, fixed_key
from agentd.errors import AgentdError, ForbiddenHost, RequestError

SCHEMES: Final = frozenset({"token", "bearer"})
OPEN_PATHS: Final = frozenset({"/healthz"})

_CODES: Final = {400: "BAD_REQUEST", 401: "INVALID_AUTH", 403: "FORBIDDEN", 429: "TOO_MANY_REQUESTS"}
"""Deepgram's ``err_code`` by status (docs, "Errors")."""


class Refusal(Exception):
    """A request that is turned away.

    Args:
        status: HTTP status.
        code: ``err_code`` of the body, as Deepgram's.
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
        hosts: what the Host header may say, with the port; asked at every request, as the port is known only once bound.
    """

    def __init__(self, key: str, *, hosts: Callable[[], frozenset[str]]) -> None:
        self._door = Door(hosts=hosts, verify=fixed_key(key, name="engine"))

    def admit(self, request: web.Request) -> None:
        """Let the request in.

        Raises:
            Refusal: a foreign host (DNS rebinding) or web page, no key or a wrong one.
        """
        try:
            self._door.admit(request)
            if request.path in OPEN_PATHS:
                return
            self._door.identify(request, subprotocol=True)
        except RequestError as error:
            raise _refusal(error) from None

    def subprotocols(self, request: web.Request) -> tuple[str, ...]:
        """What to choose of the subprotocols offered: a browser fails a connection that does not echo one of its own."""
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")[0].strip()
        return (offered,) if offered.lower() in SCHEMES else ()


def _refusal(error: AgentdError) -> Refusal:
    message = error.detail
    if error.status == 401:  # the door speaks of the daemon's tokens; here a key is wanted
        message = "Send the engine's key: `Authorization: Token <key>`."
    elif isinstance(error, ForbiddenHost):
        message = error.detail.replace("daemon", "engine").replace("[server]", "[engine]")
    headers = {} if error.retry_after_s is None else {"Retry-After": f"{error.retry_after_s:.0f}"}
    return Refusal(error.status, _CODES.get(error.status, "BAD_REQUEST"), message, headers)


def loopback_hosts(port: int) -> frozenset[str]:
    """The Host headers of a client on this machine."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
