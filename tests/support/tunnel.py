"""A piece of internet for one client: an HTTP proxy that takes it to servers of the test's own, under the names it knows."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_PIECE = 64 * 1024


@dataclass(slots=True)
class Proxy:
    """A running proxy.

    Attributes:
        url: for ``https_proxy``.
        asked: every ``host:port`` a client asked for, in order.
    """

    url: str
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def connect_proxy(routes: Mapping[str, int]) -> AsyncIterator[Proxy]:
    """An HTTP proxy that knows CONNECT alone (RFC 9110, 9.3.6), and only these places.

    Args:
        routes: loopback port by ``host:port``; what is not among them is answered 403, so that nothing leaves the machine.
    """
    proxy = Proxy("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode("ascii")
        target = request.split()[1] if request.startswith("CONNECT ") else request
        proxy.asked.append(target)
        port = routes.get(target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n" if port else b"HTTP/1.1 403 Forbidden\r\n\r\n")
        if port:
            await _join(reader, writer, port)

    async with _listening(serve) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


@asynccontextmanager
async def tls_in_front_of(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Take TLS off and pass the bytes on to loopback ``port``; yields the port it listens on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, port)

    async with _listening(serve, context) as front:
        yield front


@asynccontextmanager
async def _listening(
    serve: "asyncio.streams._ClientConnectedCallback", context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    connections: set[asyncio.Task[object]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await serve(reader, writer)  # type: ignore[misc]
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client may leave at any time; the test sees what it got
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry bytes both ways between a client and loopback ``port`` until both have ended."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, far_writer), name="tunnel:up")
            group.create_task(_copy(far_reader, writer), name="tunnel:down")
    except* OSError:
        pass
    finally:
        far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()
