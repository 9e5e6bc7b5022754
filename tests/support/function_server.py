"""A server that functions with an endpoint run on, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class FunctionServer:
    """Answers every call alike.

    Attributes:
        calls: what came: method, path with its query, headers, body.
        stall: do not answer until the client has gone, which sets ``gone``.
    """

    origin: str = ""
    status: int = 200
    body: bytes = b'{"temperature_c": 21}'
    headers: dict[str, str] = field(default_factory=dict)
    stall: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Run a function."""
        body = await request.read()
        self.calls.append(
            {"method": request.method, "path": request.raw_path, "headers": dict(request.headers), "body": body.decode()}
        )
        self.called.set()
        if self.stall:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.gone.set()
        return web.Response(status=self.status, body=self.body, headers={"Content-Type": "application/json"} | self.headers)


@asynccontextmanager
async def function_server() -> AsyncIterator[FunctionServer]:
    """A running server."""
    server, app = FunctionServer(), web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    async with TestServer(app, handler_cancellation=True) as running:
        server.origin = f"http://127.0.0.1:{running.port}"
        yield server
