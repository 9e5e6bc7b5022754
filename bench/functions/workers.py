"""Worker processes by themselves: from spawning one to its first call, a trivial call, and a handler that will not stop."""

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from agentd.config import LimitSettings
from agentd.functions.call import CallRequest
from agentd.functions.provider import Admitted, Loading
from agentd.functions.workers.files import HandlerFile, scan
from agentd.functions.workers.generation import Generation, load_folder
from agentd.functions.workers.process import Confinement, WorkerProcess
from agentd.supervise import Nursery
from bench.functions.figures import spread

STARTS: Final = 20
NEXT_MS: Final = 300.0
"""A call after one that would not stop is answered within this (and the one itself 200 ms after its limit)."""

HANDLERS: Final = '''
import asyncio
from agentd.functions import function

@function(tier="read")
async def trivial() -> str:
    """Answer.

    Returns:
        A word.
    """
    return "Done."

@function(tier="read", timeout_s=SECONDS)
async def stubborn(room: str = "") -> None:
    """Never end, whatever one does.

    Args:
        room: The room.
    """
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass
'''


async def measure(calls: int, limit_s: float = 10.0) -> dict[str, Any]:
    """Times in milliseconds.

    Args:
        calls: trivial ones.
        limit_s: of the handler that will not stop.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "made.py").write_text(HANDLERS.replace("SECONDS", str(limit_s)), encoding="utf-8")
        nursery = Nursery()
        limits = LimitSettings()
        generation = await load_folder(
            Loading(
                directory=directory,
                tables={},
                limits=limits,
                nursery=nursery,
                actions=lambda _: None,
                changed=lambda: None,
            )
        )
        try:
            (file,), _ = scan(directory)
            figures = {
                "start_of_a_worker": await _starts(file, limits, nursery, describe=False),
                "start_with_descriptions": await _starts(file, limits, nursery, describe=True),
                "trivial_call": spread([await _call(generation, "trivial") for _ in range(calls)]),
            }
            late = await _call(generation, "stubborn") - limit_s
            following = await _call(generation, "trivial")
        finally:
            await generation.close()
            await nursery.close()
    stubborn = {"after_its_limit_ms": round(late * 1000, 1), "next_call_ms": round(following * 1000, 1)}
    return figures | {"stubborn": stubborn, "ok": late < 0.2 and following * 1000 < NEXT_MS}


async def _starts(file: HandlerFile, limits: LimitSettings, nursery: Nursery, *, describe: bool) -> dict[str, float]:
    confinement = Confinement.of(limits)
    times: list[float] = []
    sizes: list[int] = []
    for _ in range(STARTS):
        worker = WorkerProcess(file, nursery=nursery, on_exit=lambda _: None)
        began = time.perf_counter()
        await worker.start(confinement, {}, describe=describe)
        times.append(time.perf_counter() - began)
        sizes.append(_resident_kib(worker.pid))
        worker.kill("unused")
        await worker.gone()
    return {**spread(times), "resident_mib": round(statistics.median(sizes) / 1024, 1)}


async def _call(generation: Generation, name: str) -> float:
    """Seconds until the call is settled."""
    spec = next(spec for spec in generation.specs if spec.name == name)

    async def nothing(operation: str, _: dict[str, Any]) -> Any:
        raise AssertionError(f"these handlers do not ask for {operation}")

    began = time.perf_counter()
    with contextlib.suppress(TimeoutError):
        await generation.run(Admitted(CallRequest(call_id=name, name=name, arguments={}), spec, {}), nothing)
    return time.perf_counter() - began


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
