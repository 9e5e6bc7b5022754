"""The other ends: a WebSocket server by another library than ours, a bare TCP server, a proxy, certificates."""

import asyncio
import base64
import hashlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from agentd.upstream.connection import Closed
from agentd.upstream.deepgram import UpstreamTarget

KEY = "canary-key-7f3a"
RATE = 32_000
"""Bytes per second of linear16 at 16 kHz."""

Talk = Callable[[ServerConnection], Awaitable[None]]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Ears:
    """A listener that notes everything, in order, and can be waited on."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.closed: list[Closed] = []
        self._changed = asyncio.Condition()
        self._news = asyncio.Event()

    def on_text(self, frame: bytes) -> None:
        assert type(frame) is bytes
        self.heard.append(frame.decode())
        self._news.set()

    def on_audio(self, frame: bytes | memoryview) -> None:
        self.heard.append(bytes(frame))
        self._news.set()

    def on_closed(self, closed: Closed) -> None:
        self.closed.append(closed)
        self._news.set()

    async def until(self, done: Callable[["Ears"], bool], *, within_s: float = 30) -> None:
        """Return when what was heard makes ``done`` true; fails after ``within_s``."""
        async with asyncio.timeout(within_s):
            while not done(self):
                self._news.clear()
                await self._news.wait()

    async def end(self, *, within_s: float = 30) -> Closed:
        """How the connection ended."""
        await self.until(lambda ears: bool(ears.closed), within_s=within_s)
        return self.closed[0]


def target(url: str, *, proxy: str | None = None) -> UpstreamTarget:
    """The upstream at a ``ws://`` or ``wss://`` base."""
    return UpstreamTarget("deepgram", url, url.replace("ws", "http", 1), SecretStr(KEY), proxy)


@asynccontextmanager
async def websocket_peer(talk: Talk, *, tls: ssl.SSLContext | None = None, **options: object) -> AsyncIterator[str]:
    """Serve WebSockets with the ``websockets`` library; yields the base URL."""
    settings: dict[str, object] = {"ssl": tls, "max_size": None, "close_timeout": 1, **options}
    async with serve(talk, "127.0.0.1", 0, **settings) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"


@asynccontextmanager
async def tcp_peer(connected: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve bare TCP, one task per connection, all of them ended with the server; yields the base URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await connected(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)


def answering(head: bytes) -> Serve:
    """A peer that reads a request and answers ``head``."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()

    return connected


async def accept_upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, and_send: bytes = b"") -> None:
    """Take a WebSocket handshake by hand, with ``and_send`` in the same packet; what follows is the caller's."""
    request = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b":", 1)[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accepted = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n" + and_send
    )
    await writer.drain()


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """One unmasked frame, as a server sends it (RFC 6455, 5.2)."""
    head = bytes([(0x80 if fin else 0) | opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + b"\x7f" + size.to_bytes(8, "big") + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One masked frame, as a client sends it: opcode and payload."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    key = (mask * (size // 4 + 1))[:size]
    return first & 0x0F, (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


async def until_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the client closes, and answer that."""
    while (got := await read_frame(reader))[0] != 8:
        pass
    writer.write(frame(8, got[1]))
    await writer.drain()


@dataclass
class Proxy:
    """A CONNECT proxy and what was asked of it."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def connect_proxy(answer: bytes | None = None) -> AsyncIterator[Proxy]:
    """A proxy that tunnels, or answers ``answer`` (empty: nothing at all)."""
    proxy = Proxy()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        proxy.requests.append(request)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            await reader.read()
            return
        host, port = request.split()[1].decode().rsplit(":", 1)
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, inner_writer))
            group.create_task(_pump(inner_reader, writer))

    async with tcp_peer(connected) as url:
        proxy.url = url.replace("ws", "http", 1)
        yield proxy


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@dataclass(frozen=True)
class Authority:
    """A self-made certificate, which is its own authority, for 127.0.0.1."""

    certificate: Path
    server: ssl.SSLContext


def authority(folder: Path) -> Authority:
    """Make one with the ``openssl`` program."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    made = ["-keyout", str(key), "-out", str(certificate)]
    names = ["-subj", "/CN=agentd test", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(
        ["openssl", "req", "-x509", "-days", "2", *curve, *names, *made],
        check=True,
        capture_output=True,
        timeout=30,
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return Authority(certificate, server)
