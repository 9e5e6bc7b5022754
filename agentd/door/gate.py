"""The gate every request passes: where it says it goes, which page sent it, whose token it carries."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import structlog
from aiohttp import web

from agentd.door.failures import Failures
from agentd.door.identity import Identity
from agentd.door.peers import Peers, on_loopback, over_unix_socket
from agentd.errors import ForbiddenHost, ForbiddenOrigin, MalformedRequest, TlsRequired, Unauthorized

_log = structlog.get_logger("agentd.door")

_IN_THE_URL: Final = frozenset({"token", "access_token"})


class Door:
    """Admits requests and names their holders.

    Args:
        hosts: the Host header values that are us, lower case, with the port; asked at every request.
        origins: web origins accepted besides our own.
        verify: the holder of a token, or None.
        peers: who is who behind reverse proxies.
        proxies_only: from other machines, only connections of those proxies are taken: ours are not encrypted.
        failures_per_minute: wrong tokens per peer after which that peer's wrong tokens are answered 429.
    """

    def __init__(
        self,
        *,
        hosts: Callable[[], frozenset[str]],
        origins: frozenset[str] = frozenset(),
        verify: Callable[[str], Identity | None],
        peers: Peers | None = None,
        proxies_only: bool = False,
        failures_per_minute: int = 10,
    ) -> None:
        self._hosts = hosts
        self._origins = frozenset(origin.lower() for origin in origins)
        self._verify = verify
        self._peers = peers if peers is not None else Peers()
        self._proxies_only = proxies_only
        self._failures = Failures(failures_per_minute)

    def admit(self, request: web.Request) -> None:
        """Check where the request says it goes and where it comes from.

        Raises:
            MalformedRequest: absolute-form, more than one Host, or a token in the query.
            TlsRequired: it came unencrypted from another machine, past the proxy.
            ForbiddenHost: the raw Host is not ours (DNS rebinding).
            ForbiddenOrigin: a web page of somebody else sent it; ``null`` included.
        """
        # The raw target: for an absolute-form request aiohttp takes request.host from the URL, not from Host.
        if not request.raw_path.startswith("/"):
            raise MalformedRequest("Send the path alone in the request line (origin-form), not a whole URL.")
        if self._proxies_only and not on_loopback(request) and not self._peers.is_proxy(request):
            raise TlsRequired(
                "From other machines this daemon is reached through its reverse proxy alone; use the proxy's address."
            )
        values = request.headers.getall("Host", [])
        if len(values) > 1:
            raise MalformedRequest("The request has more than one Host header.")
        host = values[0].lower() if values else ""
        if host not in self._hosts() and not (over_unix_socket(request) and host.partition(":")[0] == "localhost"):
            raise ForbiddenHost(
                f"{host[:80]!r} is not a name of this daemon; add it to [server] allowed_hosts if it should be (with the port)."
            )
        self._check_origin(request, host)
        if not _IN_THE_URL.isdisjoint(request.query):
            raise MalformedRequest("Tokens belong in the Authorization header: what stands in a URL ends up in logs.")

    def _check_origin(self, request: web.Request, host: str) -> None:
        origins = [origin.lower() for origin in request.headers.getall("Origin", [])]
        ours = f"{self._peers.scheme(request)}://{host}"
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
            peer = self.peer(request)
            self._failures.count(peer)
            _log.warning("token_refused", peer=peer)
            raise Unauthorized("This token is not known; the daemon's own is in <state_dir>/token, `agentd token` makes more.")
        return identity

    def peer(self, request: web.Request) -> str:
        """Who is at the other end, for logs."""
        return self._peers.name(request)


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
