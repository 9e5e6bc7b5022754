"""How many processes stand by: as many as are needed at once, for a while; then two for each file."""

import asyncio
import os

import pytest

from agentd.functions.workers import fleet
from agentd.functions.workers.spawn import NICE
from tests.support.handlers import Bench, eventually

pytestmark = pytest.mark.e2e

WHO = """
@function(tier="read")
async def who() -> int:
    "Tell which process it is."
    await asyncio.sleep(0.1)
    return os.getpid()
"""


async def at_once(bench: Bench, count: int) -> set[int]:
    """The processes that ran so many calls."""
    outcomes = await asyncio.gather(*(bench.call("who", session_id=None) for _ in range(count)))
    return {outcome.result for outcome in outcomes}


async def test_calls_that_come_together_again_find_their_processes_warm(bench: Bench) -> None:
    bench.write("asked.py", WHO)
    await bench.start()
    first = await at_once(bench, 5)
    assert len(first) == 5
    assert await at_once(bench, 5) == first


async def test_processes_that_nobody_needs_any_more_end_but_for_two(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "SPARE_S", 0.3)
    bench.write("asked.py", WHO)
    await bench.start()
    used = await at_once(bench, 5)
    await eventually(lambda: len(bench.workers()) == fleet.WARM_PER_FILE, "two are left")
    assert set(bench.workers()) < used
    assert (await at_once(bench, 2)) == set(bench.workers())


async def test_handlers_give_way_to_the_daemon(bench: Bench) -> None:
    source = '@function(tier="read")\ndef nice() -> int:\n    "Tell."\n    return os.getpriority(os.PRIO_PROCESS, 0)\n'
    bench.write("polite.py", source)
    await bench.start()
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert (await bench.call("nice")).result == min(19, mine + NICE)
