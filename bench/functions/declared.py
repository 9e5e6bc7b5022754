"""What functions without Python cost: one call each, and how long the loop is held up by a server that floods it."""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from agentd.config import LimitSettings
from agentd.functions.call import CallRequest
from agentd.functions.mcp.tables import load_mcp
from agentd.functions.provider import Admitted, Loading, Provider
from agentd.functions.remote.http import load_http
from agentd.supervise import Nursery
from bench.functions.figures import spread

HOSTILE: Final = Path(__file__).parents[2] / "tests/clients/mcp_hostile.py"
LAG_GOAL_S: Final = 0.02
"""p99 while a server floods (docs/architecture.md: audio is paced in frames of 20 ms)."""
TICK_S: Final = 0.002


async def measure(calls: int, seconds: float) -> dict[str, Any]:
    """Calls through the providers, without gate and audit; lag of the loop beside them."""
    gc.collect()
    gc.freeze()  # as the daemon does when it is ready
    nursery, app = Nursery(), web.Application()
    app.router.add_get("/{n}", lambda _: _answer())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as folder:
        loading = _loading(Path(folder), origin, nursery)
        figures: dict[str, Any] = {"idle": await _lag(asyncio.sleep(seconds))}
        http = await load_http(loading)
        mcp = await load_mcp(loading)
        figures["importing_mcp"] = await _lag(_until(lambda: len(mcp.specs) > 0))
        figures["http_call"] = await _calls(http, "get", calls)
        figures["mcp_call"] = await _calls(mcp, "echo", calls)
        for name, size in (("flood_of_small_messages", 100), ("flood_of_large_messages", 900_000)):
            flooding = await load_mcp(_loading(Path(folder), origin, nursery))
            await _until(lambda provider=flooding: len(provider.specs) > 0)  # type: ignore[misc] # bound on purpose
            asyncio.get_running_loop().call_soon(_start, nursery, flooding, size)
            await asyncio.sleep(1)
            figures[name] = await _lag(asyncio.sleep(seconds))
            await flooding.close()
        await http.close()
        await mcp.close()
    await runner.cleanup()
    await nursery.close()
    worst = max(figures[name]["p99"] for name in figures if name.startswith("flood"))
    return figures | {"ok": worst <= LAG_GOAL_S * 1000}


def _loading(folder: Path, origin: str, nursery: Nursery) -> Loading:
    return Loading(
        directory=folder,
        tables={
            "http": {"get": {"description": "Get.", "url": f"{origin}/{{n}}", "parameters": {"n": "integer"}, "tier": "read"}},
            "mcp": {
                "hostile": {
                    "command": sys.executable,
                    "args": ["-I", str(HOSTILE), str(folder / "journal")],
                    "tools": {"echo": "read", "flood": "read"},
                }
            },
        },
        limits=LimitSettings(),
        nursery=nursery,
        actions=lambda _: None,
        changed=lambda: None,
        allowed_endpoints=[origin],
    )


async def _answer() -> web.Response:
    return web.json_response({"ok": True})


async def _calls(provider: Provider, name: str, calls: int) -> dict[str, float]:
    times: list[float] = []
    for n in range(calls):
        began = time.perf_counter()
        await _call(provider, name, {"n": n} if name == "get" else {"text": str(n)})
        times.append(time.perf_counter() - began)
        await asyncio.sleep(TICK_S)
    return spread(times[len(times) // 10 :])


async def _call(provider: Provider, name: str, arguments: dict[str, Any]) -> None:
    spec = next(spec for spec in provider.specs if spec.name == name)

    async def nothing(operation: str, _: dict[str, Any]) -> Any:
        raise AssertionError(operation)

    request = CallRequest(call_id="c", name=name, arguments=arguments)
    await provider.run(Admitted(request, spec, arguments), nothing)


def _start(nursery: Nursery, provider: Provider, size: int) -> None:
    nursery.start(_call(provider, "flood", {"size": size}), name="bench:flood")


async def _lag(meanwhile: Awaitable[None]) -> dict[str, float]:
    """By how much a sleep of ``TICK_S`` is late, while something goes on."""
    late: list[float] = []
    over = False

    async def watch() -> None:
        while not over:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            late.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch(), name="bench:lag")
        await meanwhile
        over = True
    return spread(late)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        for _ in iter(true, True):
            await asyncio.sleep(0.01)
