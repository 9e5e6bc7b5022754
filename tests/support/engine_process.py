"""The engine with its models as a process of its own, as ``agentd engine`` runs it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

KEY = "the-key-of-the-engine"
READY_S = 120.0


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A running engine.

    Attributes:
        url: base for the WebSocket, ``ws://127.0.0.1:<port>``.
        key: what it accepts.
    """

    url: str
    key: str = KEY


@asynccontextmanager
async def engine_process(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[EngineProcess]:
    """``agentd engine`` with ``options`` on a free port, ready; its key file, and what it logs, are in ``folder``."""
    token = folder / "engine-key"
    token.touch(mode=0o600)
    token.write_text(KEY, encoding="ascii")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTD_", "DEEPGRAM_"))}
    with (folder / "engine.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentd", "engine", "--port", "0", "--token-file", str(token), *options,
            stdout=log, stderr=asyncio.subprocess.PIPE, cwd=folder, env=clean | dict(environment or {}),
        )  # fmt: skip
    try:
        async with asyncio.timeout(READY_S):
            url = await _until_ready(process)
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(_drain(process), name="engine:stderr")
            yield EngineProcess(url)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(60):
                assert await process.wait() == 0
            await reader
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_ready(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = []
    async for line in process.stderr:
        said.append(line.decode())
        if line.startswith(b"engine: ws://"):
            return line.decode().split()[1].removesuffix("/v1/agent/converse")
    raise AssertionError(f"the engine ended with {await process.wait()}:\n{''.join(said)}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        pass
