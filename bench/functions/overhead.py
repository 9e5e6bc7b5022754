"""What a trivial call costs over the bare round trip, by tier."""

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.functions.daemon import bare_peer, daemon, session
from bench.functions.figures import spread
from bench.functions.upstream import Link, new_id, upstream

GOAL_S: Final = 0.0005
PAUSE_S: Final = 0.004
"""Between two calls: a loop that never rests hides what it costs to wake processors and processes that had nothing to do."""
WARM_UP: Final = 50

HANDLERS: Final = '''
from agentd.functions import function

@function(tier="read")
async def read(n: int) -> str:
    """Look."""
    return "ok"

@function(tier="low")
async def low(n: int) -> str:
    """Act."""
    return "ok"

@function(tier="medium")
async def medium(n: int) -> str:
    """Act."""
    return "ok"
'''


async def parts(calls: int) -> dict[str, Any]:
    """Where the time of a trivial call of tier ``read`` goes inside the daemon; the clocks themselves cost a little."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        read = Path(name) / "read.json"
        async with upstream() as served, daemon(Path(name), served, HANDLERS, timed=read) as http:
            link = await session(http, served, "bench")
            for n in range(calls):
                await link.call((new_id(), "read", {"n": n}))
                await link.end_turn()
                await asyncio.sleep(PAUSE_S)
        told: dict[str, list[float]] = json.loads(read.read_text(encoding="utf-8"))
    return {name: spread(seconds[len(seconds) // 10 :]) for name, seconds in told.items()}


async def measure(calls: int) -> dict[str, Any]:
    """Call in turn: the bare peer, then a function of each tier; one call after the other, and with pauses."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        async with upstream() as served, daemon(Path(name), served, HANDLERS) as http, bare_peer(served) as peer:
            link = await session(http, served, "bench")
            at_once = await _in_turn(peer, link, calls, pause_s=0.0)
            rested = await _in_turn(peer, link, calls, pause_s=PAUSE_S)
    return {
        "calls_each": calls,
        "one_after_the_other": at_once,
        f"pauses_of_{PAUSE_S * 1000:g}_ms": rested,
        "goal_ms": GOAL_S * 1000,
        "ok": at_once["median_over_bare_ms"]["read"] <= GOAL_S * 1000,
    }


async def _in_turn(peer: Link, link: Link, calls: int, *, pause_s: float) -> dict[str, Any]:
    took: dict[str, list[float]] = {name: [] for name in ("bare", "read", "low", "medium")}
    for n in range(calls + WARM_UP):
        for kind, seconds in took.items():
            asked = peer if kind == "bare" else link
            ((duration_s, _, content),) = await asked.call((new_id(), kind, {"n": n}))
            if content != "ok":
                raise AssertionError(f"{kind}: {content}")
            await asked.end_turn()
            if n >= WARM_UP:
                seconds.append(duration_s)
            await asyncio.sleep(pause_s)
    bare = statistics.median(took["bare"])
    over = {kind: statistics.median(took[kind]) - bare for kind in took if kind != "bare"}
    return {
        "round_trip_ms": {kind: spread(seconds) for kind, seconds in took.items()},
        "median_over_bare_ms": {kind: round(seconds * 1000, 3) for kind, seconds in over.items()},
        "ratio_of_medians": {kind: round((bare + seconds) / bare, 2) for kind, seconds in over.items()},
    }
