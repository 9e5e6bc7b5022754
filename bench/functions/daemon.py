"""The daemon that is measured, in a process of its own, and the peer it is compared with."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from agentd.config import LimitSettings
from bench.functions.upstream import Link, Upstream

ROOT: Final = Path(__file__).parents[2]


@asynccontextmanager
async def daemon(
    folder: Path, upstream: Upstream, handlers: str, *, limits: Mapping[str, Any] | None = None, timed: Path | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """``agentd serve`` with these handlers and that upstream; a client with its token.

    Args:
        timed: where to write what clocks inside it read (see ``timed``); None for a daemon without any.
    """
    (folder / "functions").mkdir(exist_ok=True)
    (folder / "functions" / "bench_handlers.py").write_text(handlers, encoding="utf-8")
    keys = {"function_calls_per_session": 16, "function_calls_per_minute": 100_000, "drain_s": 1, **(limits or {})}
    keys = {key: value for key, value in keys.items() if key in LimitSettings.model_fields}
    config = folder / "config.toml"
    config.write_text(
        f"""
        [server]
        port = 0
        [paths]
        state_dir = "{folder / "state"}"
        functions_dir = "{folder / "functions"}"
        [deepgram]
        agent_url = "{upstream.url}"
        rest_url = "{upstream.url.replace("ws", "http", 1)}"
        [engine]
        mode = "never"
        [agents.home]
        prompt = "Bench."
        [limits]
        {os.linesep.join(f"{key} = {value}" for key, value in keys.items())}
        """,
        encoding="utf-8",
    )
    program = ["agentd"] if timed is None else ["bench.functions.timed", str(timed)]
    with (folder / "daemon.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *program, "serve", "--config", str(config),
            stdout=log, stderr=log, cwd=ROOT, env=dict(os.environ) | {"DEEPGRAM_API_KEY": "bench-key"},
        )  # fmt: skip
    where = folder / "state" / "agentd.url"
    where.unlink(missing_ok=True)
    try:
        async with asyncio.timeout(30):
            while not where.exists() or not where.read_text(encoding="ascii").endswith("\n"):
                if process.returncode is not None:
                    raise AssertionError((folder / "daemon.log").read_text(encoding="utf-8"))
                await asyncio.sleep(0.05)
        token = (folder / "state" / "token").read_text(encoding="ascii").strip()
        base = where.read_text(encoding="ascii").strip()
        async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
            yield http
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def session(http: aiohttp.ClientSession, upstream: Upstream, name: str) -> Link:
    """Start a session; its connection to the upstream."""
    async with http.put(f"/v1/sessions/{name}", json={"settings": {"tags": [name]}}) as response:
        if response.status != 201:
            raise AssertionError(f"the session did not start: {await response.text()}")
    return await upstream.link_of(name)


@asynccontextmanager
async def bare_peer(upstream: Upstream) -> AsyncIterator[Link]:
    """A process that answers every call at once, with the daemon's socket library and loop and nothing else; its connection."""
    n = len(upstream.links)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.functions.peer", f"{upstream.url}/v1/agent/converse", cwd=ROOT
    )
    try:
        yield await upstream.link(n)
    finally:
        process.terminate()
        await process.wait()
