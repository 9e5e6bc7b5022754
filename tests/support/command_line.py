"""``agentd`` as a person runs it, and a daemon that answers what it is told to."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Ran:
    status: int
    out: str
    err: str


async def agentd(*words: str | Path, cwd: Path, **environ: str) -> Ran:
    """Run ``agentd`` in an empty environment but for what is given (and what coverage needs)."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agentd",
        *map(str, words),
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "COLUMNS": "200", **measured, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert "Traceback" not in err.decode()
    return Ran(process.returncode, out.decode(), err.decode())


@dataclass
class FakeDaemon:
    """Answers what it is told to, and keeps what it was asked."""

    state: Path
    key: str = "Bearer the-token"
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == self.key
        self.asked.append((request.method, request.path_qs, await request.json() if request.can_read_body else None))
        status, body = self.answers.get(f"{request.method} {request.path}", (200, {"items": []}))
        return web.Response(status=status, body=body) if isinstance(body, bytes) else web.json_response(body, status=status)


@asynccontextmanager
async def fake_daemon(state: Path) -> AsyncIterator[FakeDaemon]:
    """A daemon on a free port, whose state folder is ``state``."""
    state.mkdir(mode=0o700)
    fake = FakeDaemon(state)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        (state / "token").write_text("the-token\n")
        (state / "agentd.url").write_text(f"http://127.0.0.1:{server.port}\n")
        yield fake
