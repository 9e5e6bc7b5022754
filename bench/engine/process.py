"""The engine as a process of its own, and what the kernel tells about it."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEY: Final = "the-key-of-the-bench"
START_S: Final = 60.0
STOP_S: Final = 20.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A running engine.

    Attributes:
        url: base of its addresses, ``ws://127.0.0.1:<port>``.
        pid: of the process.
        started_s: from the start of the process until it listened.
    """

    url: str
    pid: int
    started_s: float

    def cpu_s(self) -> float:
        """Processor time it has used so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mib(self) -> float:
        """Memory it holds, in MiB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20

    def descriptors(self) -> int:
        """Its open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - a device of the kernel's

    def threads(self) -> int:
        """Its threads."""
        return len(os.listdir(f"/proc/{self.pid}/task"))  # noqa: PTH208 - a device of the kernel's


@asynccontextmanager
async def engine_process(**settings: str) -> AsyncIterator[EngineProcess]:
    """``agentd engine`` on a free port, ready, with ``settings`` of its ``[engine]`` section.

    Raises:
        RuntimeError: it did not start, or did not stop cleanly.
    """
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # no engine outlives its bench
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        folder = Path(name)
        token = folder / "key"
        token.touch(mode=0o600)
        token.write_text(KEY, encoding="ascii")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AGENTD_", "DEEPGRAM_"))}
        given = {f"AGENTD_ENGINE__{key.upper()}": value for key, value in settings.items()}
        began = time.perf_counter()
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agentd", "engine", "--port", "0", "--token-file", str(token),
                stdout=log, stderr=asyncio.subprocess.PIPE, cwd=folder, env=clean | given,
            )  # fmt: skip
        try:
            async with asyncio.timeout(START_S):
                url = await _until_ready(process)
            started_s = time.perf_counter() - began
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(_drain(process), name="engine:stderr")
                yield EngineProcess(url, process.pid, started_s)
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(STOP_S):
                    status = await process.wait()
                await reader
            if status:
                raise RuntimeError(f"the engine ended with {status}: {(folder / 'log').read_text(encoding='utf-8')[-2000:]}")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _until_ready(process: asyncio.subprocess.Process) -> str:
    said: list[str] = []
    async for line in _lines(process):
        said.append(line.decode(errors="replace"))
        if line.startswith(b"engine: ws://"):
            return line.decode().split()[1].removesuffix("/v1/agent/converse")
    raise RuntimeError(f"the engine ended with {await process.wait()}:\n{''.join(said)}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    async for line in _lines(process):
        print(f"    engine: {line.decode(errors='replace').rstrip()}", file=sys.stderr)


def _lines(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stderr is None:
        raise AssertionError("it was started with a pipe")
    return process.stderr
