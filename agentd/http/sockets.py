"""Where the control API listens: TCP with or without TLS, and a Unix socket; each as the operator asked, or not at all."""

import asyncio
import errno
import grp
import os
import socket
import ssl
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from agentd.config import ServerSettings
from agentd.errors import ConfigError
from agentd.http.runner import Runner

_log = structlog.get_logger("agentd.http")

SOCKET_MODE: Final = 0o660
"""The Unix socket is for its owner and one group; the token is asked for all the same."""

_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""What stands for every address, and how this machine reaches itself then."""


class Sockets:
    """The sockets of one daemon.

    Args:
        settings: the ``[server]`` section.
        handshake_s: time for a TLS handshake.
    """

    def __init__(self, settings: ServerSettings, *, handshake_s: float = 10.0) -> None:
        self._settings = settings
        self._handshake_s = handshake_s
        self._context: ssl.SSLContext | None = None
        self._port = 0
        self._unix: tuple[int, int] | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """The Host header values that are us."""
        server = self._settings
        names = {"127.0.0.1", "localhost", "[::1]"}
        if server.host not in _EVERY_ADDRESS:
            names.add(_in_url(server.host).lower())
        own = {f"{name}:{self._port}" for name in names}
        if self._port == (443 if self._context else 80):
            own |= names  # clients leave the scheme's own port out
        if server.public_url:
            own.add(urlsplit(server.public_url).netloc)
        return frozenset(own | set(server.allowed_hosts))

    @property
    def url(self) -> str:
        """The base of the API on this machine, with the port that was really bound."""
        host = _EVERY_ADDRESS.get(self._settings.host, self._settings.host)
        return f"{'https' if self._context else 'http'}://{_in_url(host)}:{self._port}"

    async def open(self, runner: Runner) -> None:
        """Listen.

        Raises:
            ConfigError: an address is in use, a file cannot be read, or it is one that others could read or replace.
        """
        server = self._settings
        if server.tls_cert is not None and server.tls_key is not None:
            self._context = _tls(server.tls_cert, server.tls_key)
        # The Unix socket first: whoever reads the address file may use both.
        if server.unix_socket is not None:
            sock = _bind_unix(server.unix_socket, server.unix_socket_group)
            self._unix = _inode(server.unix_socket)
            await _Site(runner, sock, backlog=runner.backlog).start()
        for sock in self._bind_tcp():
            await _Site(runner, sock, ssl_context=self._context, backlog=runner.backlog, handshake_s=self._handshake_s).start()

    def reload_certificate(self) -> None:
        """Read certificate and key again; new connections get them. Nothing to do without TLS.

        Raises:
            ConfigError: they cannot be used; the present ones stay.
        """
        server = self._settings
        if self._context is None or server.tls_cert is None or server.tls_key is None:
            return
        _tls(server.tls_cert, server.tls_key)  # a context that half took them would serve nobody
        self._context.load_cert_chain(server.tls_cert, server.tls_key)
        _log.info("certificate_loaded", file=str(server.tls_cert))

    def close(self) -> None:
        """Take the Unix socket's file away, if it is still ours."""
        path = self._settings.unix_socket
        if path is not None and self._unix is not None and _inode(path) == self._unix:
            path.unlink(missing_ok=True)

    def _bind_tcp(self) -> list[socket.socket]:
        """One socket, or two for ``localhost``: clients take either family, and nobody else may answer on the other one."""
        hosts = ("127.0.0.1", "::1") if self._settings.host == "localhost" else (self._settings.host,)
        sockets: list[socket.socket] = []
        for host in hosts:
            try:
                made = socket.create_server(
                    (host, self._port or self._settings.port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
                )
            except OSError as error:
                if sockets and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # a machine without IPv6
                for sock in sockets:
                    sock.close()
                raise ConfigError(
                    f"Port {self._settings.port} on {host} cannot be used: {error.strerror}. "
                    "Is another agentd running? Choose another with --port (0 picks a free one)."
                ) from error
            self._port = int(made.getsockname()[1])
            sockets.append(made)
        return sockets


class _Site(web.SockSite):
    """aiohttp's site, but for what it does not pass on: the time of a TLS handshake, and sockets of the Unix family."""

    __slots__ = ("_handshake_s",)

    def __init__(
        self,
        runner: web.AppRunner,
        sock: socket.socket,
        *,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int,
        handshake_s: float = 10.0,
    ) -> None:
        super().__init__(runner, sock, ssl_context=ssl_context, backlog=backlog)
        self._handshake_s = handshake_s

    async def start(self) -> None:
        await web.BaseSite.start(self)
        loop, protocols = asyncio.get_running_loop(), self._runner.server
        if protocols is None:
            raise AssertionError("the runner is set up before its sites")
        if self._sock.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(protocols, sock=self._sock, backlog=self._backlog)
        else:
            self._server = await loop.create_server(
                protocols,
                sock=self._sock,
                ssl=self._ssl_context,
                backlog=self._backlog,
                ssl_handshake_timeout=self._handshake_s if self._ssl_context else None,
            )


def _tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context: TLS 1.2 or newer, the library's ciphers."""
    try:
        status = key.stat()
        if status.st_mode & stat.S_IROTH:
            raise ConfigError(f"{key} can be read by everybody on this machine; run: chmod o-r {key}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise ConfigError(
            f"server.tls_cert and tls_key cannot be used: {error.reason or error}. Both are PEM, the key that of the certificate."
        ) from error
    except OSError as error:
        raise ConfigError(f"server.tls_cert or tls_key cannot be read: {error.strerror or error}.") from error
    return context


def _no_password() -> str:
    """OpenSSL would ask on the terminal otherwise, and wait."""
    raise ConfigError("server.tls_key is protected by a password; give the daemon one that is not: openssl pkey -in … -out …")


def _bind_unix(path: Path, group: str | None) -> socket.socket:
    """A listening Unix socket with its mode from the first moment on."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        gid = grp.getgrnam(group).gr_gid if group is not None else -1
        _clear(path)
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
        os.chown(path, -1, gid)
        made.setblocking(False)
    except BaseException as error:
        made.close()
        if isinstance(error, KeyError):
            raise ConfigError(f"server.unix_socket_group: there is no group {group!r} on this machine.") from None
        if isinstance(error, OSError):
            raise ConfigError(f"The Unix socket {path} cannot be made: {error.strerror or error}.") from error
        raise
    return made


def _clear(path: Path) -> None:
    """Take away what a killed daemon left; refuse what somebody listens on, and anything that is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path} is in the way of the Unix socket and is none itself; remove it, or choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        with suppress(ConnectionRefusedError, FileNotFoundError):
            probe.connect(str(path))
            raise ConfigError(f"Somebody listens on {path} already. Is another agentd running?")
    path.unlink(missing_ok=True)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
