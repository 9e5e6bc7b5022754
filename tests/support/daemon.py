"""A real daemon in a process of its own, and a small HTTP client for it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.support import contract

ROOT = Path(__file__).parents[2]
READY_S = 120.0
_PATIENCE = {"AGENTD_LIMITS__DRAIN_S": "2"}
"""Tests that stop a daemon in mid-conversation mean it."""
PATIENT = "[limits]\nrenewal_s = 90\nturn_s = 120\n"
"""For tests that kill the engine: on a busy machine another one takes longer to load than a conversation is kept for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


@dataclass(slots=True)
class DaemonProcess:
    """A running daemon; ``call`` is an authorised request."""

    url: str
    state_dir: Path
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession
    stderr: list[str]

    @property
    def token(self) -> str:
        """The first token."""
        return (self.state_dir / "token").read_text(encoding="ascii").strip()

    async def call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **kwargs: Any) -> Answer:
        """One request with the token (``headers`` may override it); the answer must be one that the document has."""
        merged = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        async with self.http.request(method, self.url + path, headers=merged, **kwargs) as response:
            body = await response.read()
            contract.check(method, path, response.status, response.headers, body)
            return Answer(response.status, dict(response.headers), body)

    async def stop(self) -> int:
        """SIGTERM, and wait for the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            return await self.process.wait()


async def refused_start(folder: Path, config: str, *, environment: Mapping[str, str] | None = None) -> tuple[int | None, str]:
    """``agentd serve`` that does not begin: its exit status and what it says."""
    process = await _start(folder, config, environment=environment)
    async with asyncio.timeout(READY_S):
        _, err = await process.communicate()
    return process.returncode, err.decode()


@asynccontextmanager
async def daemon_process(
    folder: Path,
    config: str,
    *,
    functions: Path | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: int | None = None,
) -> AsyncIterator[DaemonProcess]:
    """``agentd serve`` on a free port, ready, with its state below ``folder``.

    Args:
        config: more TOML for its configuration file.
        functions: the handlers' folder; the project's own by default.
        environment: more variables.
        descriptors: most open files (RLIMIT_NOFILE); as many as the test has by default.
    """
    state_dir = folder / "state"
    process = await _start(folder, config, functions=functions, environment=environment, descriptors=descriptors)
    stderr: list[str] = []
    try:
        async with asyncio.timeout(READY_S):
            await _until_ready(process, stderr)
        url = (state_dir / "agentd.url").read_text(encoding="ascii").strip()
        async with aiohttp.ClientSession(trust_env=False) as http, asyncio.TaskGroup() as group:
            reader = group.create_task(_drain(process, stderr), name="daemon:stderr")
            daemon = DaemonProcess(url, state_dir, process, http, stderr)
            try:
                yield daemon
            finally:
                if process.returncode is None:
                    await daemon.stop()
                await reader
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _start(
    folder: Path,
    config: str,
    *,
    functions: Path | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: int | None = None,
) -> asyncio.subprocess.Process:
    file = folder / "config.toml"
    paths = f'[paths]\nstate_dir = "{folder / "state"}"\nfunctions_dir = "{functions or ROOT / "functions"}"\n'
    file.write_text(f"{config}\n[server]\nport = 0\n{paths}", encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTD_", "DEEPGRAM_"))}
    command = [sys.executable, "-m", "agentd", "serve", "--config", str(file)]
    if descriptors is not None:
        command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
    with (folder / "log.jsonl").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdout=log,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=clean | _PATIENCE | dict(environment or {}),
        )


async def _until_ready(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        lines.append(line.decode())
        if line.startswith(b"agentd is ready"):
            return
    raise AssertionError(f"the daemon ended with {await process.wait()}:\n{''.join(lines)}")


async def _drain(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        lines.append(line.decode())  # noqa: PERF401 - line by line, as they come
