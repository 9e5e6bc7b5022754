"""The gate every request passes: where it says it goes, which page sent it, whose token it carries."""

import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import structlog
from aiohttp import web

from agentd.door.identity import Identity
from agentd.errors import ForbiddenHost, ForbiddenOrigin, MalformedRequest, TooManyRequests, Unauthorized

_log = structlog.get_logger("agentd.door")

_WINDOW_S: Final = 60.0
_PEERS: Final = 4096
"""Peers whose failures are remembered; the one not seen for longest is forgotten."""


class Door:
    """Admits requests and names their holders.

    Args:
        hosts: the Host header values that are us, lower case, with the port; asked at every request.
        origins: web origins accepted besides our own.
        verify: the holder of a token, or None.
        failures_per_minute: wrong tokens per peer after which that peer's wrong tokens are answered 429.
    """

    def __init__(
        self,
        *,
        hosts: Callable[[], frozenset[str]],
        origins: frozenset[str] = frozenset(),
        verify: Callable[[str], Identity | None],
        failures_per_minute: int = 10,
    ) -> None:
        self._hosts = hosts
        self._origins = frozenset(origin.lower() for origin in origins)
        self._verify = verify
        self._failures_per_minute = failures_per_minute
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, request: web.Request) -> None:
        """Check where the request says it goes and where it comes from.

        Raises:
            MalformedRequest: absolute-form, more than one Host, or a token in the query.
            ForbiddenHost: the raw Host is not ours (DNS rebinding).
            ForbiddenOrigin: a web page of somebody else sent it; ``null`` included.
        """
        # The raw target: for an absolute-form request aiohttp takes request.host from the URL, not from Host.
        if not request.raw_path.startswith("/"):
            raise MalformedRequest("Send the path alone in the request line (origin-form), not a whole URL.")
        values = request.headers.getall("Host", [])
        if len(values) > 1:
            raise MalformedRequest("The request has more than one Host header.")
        host = values[0].lower() if values else ""
        if host not in self._hosts() and not (_over_unix_socket(request) and host.partition(":")[0] == "localhost"):
            raise ForbiddenHost(
                f"{host[:80]!r} is not a name of this daemon; add it to [server] allowed_hosts if it should be (with the port)."
            )
        self._check_origin(request, host)
        if "token" in request.query or "access_token" in request.query:
            raise MalformedRequest("Tokens belong in the Authorization header: what stands in a URL ends up in logs.")

    def _check_origin(self, request: web.Request, host: str) -> None:
        origins = [origin.lower() for origin in request.headers.getall("Origin", [])]
        ours = f"{request.scheme}://{host}"
        for origin in origins:
            if origin != ours and origin not in self._origins:
                raise ForbiddenOrigin(
                    f"Pages of {origin[:80]!r} may not use this daemon; [server] allowed_origins lists those that may."
                )
        listed = bool(origins) and all(origin in self._origins for origin in origins)
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none") and not listed:
            raise ForbiddenOrigin("The request was sent by another site's page.")

    def identify(self, request: web.Request, *, compatible: bool = False) -> Identity:
        """Who sends the request.

        Args:
            request: the request. A WebSocket handshake may carry its token as subprotocol ``bearer, <token>``: a browser
                lets no page set the Authorization header of one.
            compatible: also take what Voice Agent clients send: ``Token <key>``, and ``token, <key>`` as subprotocol.

        Raises:
            Unauthorized: no token, or none that is known.
            TooManyRequests: a wrong token, after too many others from this peer.
        """
        token = _presented(request, compatible=compatible)
        if token is None:
            raise Unauthorized("Send a token: `curl -H @$S/auth …`, or the header `Authorization: Bearer <token>`.")
        identity = self._verify(token)
        if identity is None:
            self._count_failure(request.remote or "unix")
            raise Unauthorized("This token is not known; the daemon's own is in <state_dir>/token, `agentd token` makes more.")
        return identity

    def _count_failure(self, peer: str) -> None:
        now = time.monotonic()
        times = self._failures.setdefault(peer, deque())
        self._failures.move_to_end(peer)
        while len(self._failures) > _PEERS:
            self._failures.popitem(last=False)
        while times and now - times[0] > _WINDOW_S:
            times.popleft()
        if len(times) >= self._failures_per_minute:
            raise TooManyRequests("Too many wrong tokens from this address.", retry_after_s=_WINDOW_S - (now - times[0]))
        times.append(now)
        _log.warning("token_refused", peer=peer)


def _presented(request: web.Request, *, compatible: bool) -> str | None:
    kinds = ("bearer", "token") if compatible else ("bearer",)
    scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
    if value and scheme.lower() in kinds:
        return value.strip()
    if request.headers.get("Upgrade", "").strip().lower() == "websocket":
        offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        for kind, key in pairwise(offered):
            if kind.lower() in kinds and key:
                return key
    return None


def _over_unix_socket(request: web.Request) -> bool:
    transport = request.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    return sock is not None and sock.family == socket.AF_UNIX
