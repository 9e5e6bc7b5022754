"""Who may talk to the engine: one key and the tokens it grants, behind the same door as the control API, in Deepgram's words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import web

from agentd.door import Door, Grants, Identity, fixed_key
from agentd.errors import AgentdError, ForbiddenHost, ForbiddenOrigin, RequestError
from agentd.protocol.refusals import ERR_CODES

SCHEMES: Final = frozenset({"token", "bearer"})
GRANT: Final = "/v1/auth/grant"
OPEN_PATHS: Final = frozenset({"/healthz", "/v1/agent/settings/think/models"})
"""Asked for without a key: @deepgram/sdk leaves it out for the list of think models, which Deepgram gives to everybody."""

_GRANTED: Final = Identity("granted", frozenset())


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
        origins: web pages that may connect, by their origin.
    """

    def __init__(self, key: str, *, hosts: Callable[[], frozenset[str]], origins: frozenset[str] = frozenset()) -> None:
        self._key = fixed_key(key, name="engine")
        self.grants = Grants()
        self._door = Door(hosts=hosts, origins=origins, verify=self._holder)

    def admit(self, request: web.Request) -> None:
        """Let the request in.

        Raises:
            Refusal: a foreign host (DNS rebinding) or web page, no key or a wrong one, or a granted token that wants to grant.
        """
        try:
            self._door.admit(request)
            if request.path in OPEN_PATHS:
                return
            holder = self._door.identify(request, compatible=True)
        except RequestError as error:
            raise _refusal(error) from None
        if holder is _GRANTED and request.path == GRANT:
            raise Refusal(403, ERR_CODES[403], "A granted token cannot grant others; send the engine's key.")

    def subprotocols(self, request: web.Request) -> tuple[str, ...]:
        """What to choose of the subprotocols offered: a browser fails a connection that does not echo one of its own."""
        offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        return tuple(name for name in offered if name.lower() in SCHEMES)[:1]

    def _holder(self, token: str) -> Identity | None:
        return self._key(token) or (_GRANTED if self.grants.read(token) else None)


def _refusal(error: AgentdError) -> Refusal:
    message = error.detail
    if error.status == 401:  # the door speaks of the daemon's tokens; here a key is wanted
        message = "Send the engine's key: `Authorization: Token <key>`."
    elif isinstance(error, ForbiddenHost | ForbiddenOrigin):
        message = error.detail.replace("daemon", "engine").replace("[server]", "[engine]")
    headers = {} if error.retry_after_s is None else {"Retry-After": f"{error.retry_after_s:.0f}"}
    return Refusal(error.status, ERR_CODES.get(error.status, "BAD_REQUEST"), message, headers)


def loopback_hosts(port: int) -> frozenset[str]:
    """The Host headers of a client on this machine."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
