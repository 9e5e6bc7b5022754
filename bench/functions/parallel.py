"""Calls of one request: do they run side by side, and do their answers come in order?"""

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.functions.daemon import daemon, session
from bench.functions.figures import spread
from bench.functions.upstream import new_id, upstream

WAIT_S: Final = 0.1

HANDLERS: Final = '''
import asyncio, time
from agentd.functions import function

@function(tier="read")
async def wait(n: int, seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return f"done {n}"

@function(tier="read")
def block(n: int, seconds: float) -> str:
    """Block."""
    time.sleep(seconds)
    return f"done {n}"
'''


async def measure(rounds: int) -> dict[str, Any]:
    """One call, then so many in one request: the time until the last answer, and their order."""
    figures: dict[str, Any] = {"seconds_of_each_call": WAIT_S, "rounds": rounds}
    out_of_order = 0
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        async with upstream() as served, daemon(Path(name), served, HANDLERS) as http:
            link = await session(http, served, "bench")
            for kind in ("wait", "block"):
                medians: dict[int, float] = {}
                for count in (1, 4, 8):
                    last: list[float] = []
                    for n in range(rounds + 1):
                        # The first takes longest, so that what is done first is not what was asked for first.
                        asked = [(new_id(), kind, {"n": i, "seconds": WAIT_S - i * WAIT_S / 20}) for i in range(count)]
                        came = await link.call(*asked)
                        out_of_order += [call_id for _, call_id, _ in came] != [call_id for call_id, _, _ in asked]
                        if any(not content.startswith("done") for _, _, content in came):
                            raise AssertionError(f"{came}")
                        await link.end_turn()
                        await asyncio.sleep(0.01)
                        last += [came[-1][0]] if n else []  # the first round starts the processes
                    medians[count] = statistics.median(last)
                    figures[f"{kind}_{count}_ms"] = spread(last)
                figures[f"{kind}_ratio_of_8_to_1"] = round(medians[8] / medians[1], 2)
    figures["requests_answered_out_of_order"] = out_of_order
    figures["ok"] = out_of_order == 0 and max(figures["wait_ratio_of_8_to_1"], figures["block_ratio_of_8_to_1"]) < 2
    return figures
