"""MCP servers for the tests: two real ones, as their makers publish them, and a hostile one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.handlers import Bench, eventually
from tests.support.programs import CLIENTS, NODE, ROOT

TIME_SERVER = ROOT / ".venv-mcp/bin/mcp-server-time"
EVERYTHING = CLIENTS / "mcp/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
HOSTILE = CLIENTS / "mcp_hostile.py"

needs_time_server = pytest.mark.skipif(not TIME_SERVER.exists(), reason="no .venv-mcp here (make test sets it up)")
needs_everything = pytest.mark.skipif(
    not (NODE.exists() and EVERYTHING.exists()), reason="no MCP server for Node.js here (make test sets it up)"
)

STARTS_S = 30.0
"""A server, and the package that talks to it, on a busy machine."""


class Hostile:
    """The table of a hostile server, and what it was sent."""

    def __init__(self, folder: Path, mode: str = "", **table: Any) -> None:
        self.journal = folder / f"journal-{mode}"
        tools: Any = dict.fromkeys(("echo", "environment", "sneaky", "silent", "dies", "huge", "large", "babble"), "low")
        tools |= dict.fromkeys(("flood", "nonsense", "fails", "turn", "loud", "stranger", "garbage"), "low")
        tools |= dict.fromkeys(("chatty", "pictures", "stuck"), "low")
        args = ["-I", str(HOSTILE), str(self.journal), *([mode] if mode else [])]
        self.table: dict[str, Any] = {"command": sys.executable, "args": args, "tools": tools, **table}

    def sent(self, method: str) -> list[dict[str, Any]]:
        """The messages of this kind that it got, over all its runs."""
        if not self.journal.exists():
            return []
        lines = self.journal.read_text(encoding="utf-8").splitlines(keepends=True)
        messages = [json.loads(line) for line in lines if line.endswith("\n")]
        return [message for message in messages if message.get("method") == method]

    def calls(self, tool: str) -> int:
        """How often the tool was called."""
        return sum(message["params"]["name"] == tool for message in self.sent("tools/call"))


async def up(bench: Bench, *names: str) -> None:
    """Wait until these servers can be called, and no other."""
    await eventually(
        lambda: {name for name, up in bench.functions.mcp_servers.items() if up} == set(names), f"{names} up", bound_s=STARTS_S
    )


async def told(bench: Bench, words: str) -> None:
    """Wait until a problem says so."""
    await eventually(lambda: words in str(bench.functions.registry.problems), f"{words!r} is told", bound_s=STARTS_S)


def kill(bench: Bench) -> list[int]:
    """SIGKILL for every server process of the bench; who they were."""
    killed = bench.workers()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    return killed


def everything_over_http(port: int) -> AbstractAsyncContextManager[None]:
    """The server of npm on this port of 127.0.0.1."""
    return _listening(port, str(NODE), str(EVERYTHING), "streamableHttp", PORT=str(port))


def modern_over_http(port: int) -> AbstractAsyncContextManager[None]:
    """A server made with the official package on this port of 127.0.0.1."""
    return _listening(port, sys.executable, str(CLIENTS / "mcp_modern.py"), str(port))


@asynccontextmanager
async def _listening(port: int, *command: str, **variables: str) -> AsyncIterator[None]:
    environment = {"PATH": os.environ["PATH"], **variables}
    with subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            await eventually(lambda: answers(port), "the server listens", bound_s=STARTS_S)
            yield
        finally:
            process.kill()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def settled(call: "asyncio.Task[Any]", bound_s: float = STARTS_S) -> Any:
    """The outcome of a call."""
    async with asyncio.timeout(bound_s):
        return await call
