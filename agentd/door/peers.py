"""Who is at the other end of a connection: an address, a reverse proxy that speaks for another, a user of this machine."""

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web

UNIX: Final = "unix"
"""Stands in ``trusted_proxies`` for whoever connects to the Unix socket."""

_CREDENTIALS: Final = struct.Struct("3i")
"""``struct ucred`` (unix(7)): process, user, group."""

_HOPS: Final = 16
"""Most entries of X-Forwarded-For that are looked at."""

Address = IPv4Address | IPv6Address


class Peers:
    """Names the peers of requests.

    ``X-Forwarded-For`` and ``X-Forwarded-Proto`` count only where a proxy of the list has sent them: anybody can write them.

    Args:
        proxies: addresses and networks of reverse proxies, and ``unix``.
    """

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        names = tuple(proxies)
        self._networks = tuple(ip_network(name, strict=False) for name in names if name != UNIX)
        self._unix = UNIX in names

    def name(self, request: web.Request) -> str:
        """Who sent it, for limits and logs: an address, or ``unix:`` and the user's number."""
        if over_unix_socket(request):
            forwarded = self._forwarded(request) if self._unix else None
            return str(forwarded) if forwarded is not None else f"{UNIX}:{_user(request)}"
        own = _address(request.remote or "")
        if own is None:
            return "unknown"
        return str((self._forwarded(request) if self._trusts(own) else None) or own)

    def scheme(self, request: web.Request) -> str:
        """``https`` or ``http``, as the client's own connection is."""
        said = request.headers.get("X-Forwarded-Proto", "").strip().lower()
        return said if said in ("http", "https") and self.is_proxy(request) else request.scheme

    def is_proxy(self, request: web.Request) -> bool:
        """True when the connection comes from a proxy of the list."""
        if over_unix_socket(request):
            return self._unix
        own = _address(request.remote or "")
        return own is not None and self._trusts(own)

    def _forwarded(self, request: web.Request) -> Address | None:
        """The last address of the chain that is no proxy of ours; what stands before it, anybody may have written."""
        chain = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        found: Address | None = None
        for entry in list(reversed(chain))[:_HOPS]:
            address = _address(_without_port(entry.strip()))
            if address is None:
                break
            found = address
            if not self._trusts(address):
                break
        return found

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def over_unix_socket(request: web.Request) -> bool:
    """True when the request came through the Unix socket."""
    sock = _socket(request)
    return sock is not None and sock.family == socket.AF_UNIX


def on_loopback(request: web.Request) -> bool:
    """True when the connection never left this machine."""
    own = _address(request.remote or "")
    return over_unix_socket(request) or (own is not None and own.is_loopback)


def household(peer: str) -> str:
    """What failures are counted under: an IPv6 address stands for its /64, of which one host has every address."""
    address = _address(peer)
    return str(IPv6Network((address, 64), strict=False)) if isinstance(address, IPv6Address) else peer


def _user(request: web.Request) -> int | None:
    sock = _socket(request)
    if sock is None:
        return None
    try:
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return None
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user


def _socket(request: web.Request) -> socket.socket | None:
    sock: socket.socket | None = request.transport.get_extra_info("socket") if request.transport is not None else None
    return sock


def _address(text: str) -> Address | None:
    """An address; IPv4 in IPv6 clothes (``::ffff:192.0.2.7``, dual-stack sockets) is the IPv4 one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(entry: str) -> str:
    """``192.0.2.7:4711`` and ``[2001:db8::7]:4711`` without their ports."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
