"""The gate over real workers: its limits, each by its key, and what no upstream can bring about by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentd.config import AgentProfile, LimitSettings
from agentd.functions.call import CallOutcome
from agentd.functions.gate.policy import AgentPolicy
from tests.support.handlers import Bench, eventually

pytestmark = pytest.mark.e2e

HANDLERS = """
@function(tier="low")
async def lamp(n: int = 0) -> str:
    "Switch the lamp."
    return "on"

@function(tier="low", per_minute=2)
async def horn() -> str:
    "Sound the horn."
    return "tooted"

@function(tier="high")
async def unlock(door: str = "front", seconds: float = 0) -> str:
    "Unlock a door."
    with open("LOG", "a") as log:
        log.write(f"{door}\\\\n")
    await asyncio.sleep(seconds)
    return f"{door} open"

@function(tier="medium", background=True)
async def bake(seconds: float) -> str:
    "Bake a cake."
    with open("LOG", "a") as log:
        log.write("baking\\\\n")
    await asyncio.sleep(seconds)
    return "baked"

@function(tier="read", untrusted_output=True)
async def page(length: int) -> str:
    "Read a page."
    return "x" * length
"""

POLICIES = {
    "home": AgentPolicy.of(AgentProfile(allow_high=("unlock",))),
    "other": AgentPolicy.of(AgentProfile(allow_high=("unlock",), unconfirmed_high=("unlock",))),
}


@asynccontextmanager
async def gated(bench: Bench, tmp_path: Path, **limits: Any) -> AsyncIterator[Path]:
    """The bench with these limits and agents; yields where handlers write what they do."""
    log = tmp_path / "done.txt"
    bench.limits.update(limits)
    bench.write("house.py", HANDLERS.replace("LOG", str(log)).replace("\\\\n", "\\n"))
    await bench.start()
    bench.functions.take_policies(lambda agent: POLICIES.get(agent or "", AgentPolicy()))
    bench.functions.run_started("run")
    yield log


async def in_turn(bench: Bench, turn: int, name: str, **arguments: Any) -> CallOutcome:
    return await bench.functions.call(replace(bench.request(name, **arguments), turn=turn))


def done(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


async def test_a_function_is_called_so_often_a_minute(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, function_calls_per_minute=3):
        outcomes = [(await bench.call("lamp", n=n)).outcome for n in range(5)]
        assert outcomes == ["ok"] * 3 + ["denied"] * 2
        assert [(await bench.call("horn")).outcome for _ in range(3)] == ["ok", "ok", "denied"], "its own number"
        await bench.functions.reload(limits=LimitSettings(function_calls_per_minute=4))
        assert [(await bench.call("lamp", n=n)).outcome for n in range(2)] == ["ok", "denied"]


async def test_a_turn_has_so_many_calls_and_so_many_of_the_same(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, function_calls_per_turn=4, function_repeats=2):
        outcomes = [await in_turn(bench, 1, "lamp") for _ in range(3)]
        assert [outcome.outcome for outcome in outcomes] == ["ok", "ok", "denied"]
        assert "Do not call it again in this turn; tell the user" in outcomes[2].content
        assert [(await in_turn(bench, 1, "lamp", n=n)).outcome for n in (1, 2, 3)] == ["ok", "ok", "denied"]
        assert (await in_turn(bench, 2, "lamp")).outcome == "ok"


async def test_arguments_are_the_same_in_any_order(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, function_repeats=1):
        requests = [
            replace(bench.request("unlock"), agent="other", turn=1, arguments=text)
            for text in ('{"door": "front", "seconds": 0}', '{ "seconds": 0, "door": "front" }')
        ]
        assert [(await bench.functions.call(request)).outcome for request in requests] == ["ok", "denied"]


async def test_an_agent_asks_for_tier_high_so_often_an_hour(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, high_calls_per_hour=2, confirmation_s=0.02) as log:
        told = [(await bench.call("unlock")).content for _ in range(3)]
        assert ["in time" in text for text in told] == [True, True, False]
        assert "within an hour" in told[2]
        others = [await bench.functions.call(replace(bench.request("unlock"), agent="other")) for _ in range(3)]
        assert [outcome.outcome for outcome in others] == ["ok", "ok", "denied"], "each agent has its own hour"
        assert done(log) == ["front", "front"]


async def test_what_was_taken_back_does_not_count_for_the_hour(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, high_calls_per_hour=1) as log:
        confirmations = bench.functions.gate.confirmations
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                call = group.create_task(bench.call("unlock"))
                await eventually(lambda: len(confirmations.waiting()) == 1, "it waits")
                call.cancel()
        async with asyncio.TaskGroup() as group:
            call = group.create_task(bench.call("unlock"))
            await eventually(lambda: len(confirmations.waiting()) == 1, "it waits")
            confirmations.decide(confirmations.waiting()[0].nonce, approve=True, by="phone")
        assert call.result().content == "front open"
        assert done(log) == ["front"]


async def test_so_many_wait_for_a_person_at_once(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, confirmations=2, high_calls_per_hour=100) as log:
        confirmations = bench.functions.gate.confirmations
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(bench.call("unlock", door=f"d{n}")) for n in range(5)]
            await eventually(lambda: sum(call.done() for call in calls) == 3, "three are denied")
            assert len(confirmations.waiting()) == 2
            assert all("Too much waits" in call.result().content for call in calls if call.done())
            confirmations.deny_all()
        assert done(log) == []


async def test_what_a_stranger_wrote_is_marked_within_the_limit(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path, function_result_bytes=2000):
        for length in (10, 1900, 1_990):
            outcome = await bench.call("page", length=length)
            told = orjson.loads(outcome.content)
            assert len(outcome.content.encode()) <= 2000
            assert set(told["data_from_outside"]) == {"x"}
            assert outcome.result == "x" * length
        assert bench.functions.tainted("run")


async def test_what_runs_in_the_background_is_stopped_too(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path) as log:
        assert (await bench.call("bake", seconds=30)).outcome == "ok"
        await eventually(lambda: done(log) == ["baking"], "it bakes")
        await bench.functions.gate.switch.disable("phone")
        await eventually(lambda: bool(bench.session.did), "the user is told")
        assert "switched off while bake ran" in str(bench.session.did[-1])
        assert (await bench.call("bake", seconds=0)).outcome == "denied"
        assert done(log) == ["baking"]


async def test_the_quiet_hours_begin_and_end_by_the_clock_of_the_wall(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path) as log:
        quiet = AgentPolicy.of(AgentProfile(allow_high=("unlock",), unconfirmed_high=("unlock",), quiet_hours=("22:00-07:00",)))
        bench.functions.take_policies(lambda _: quiet)
        for hour, outcome in ((21, "ok"), (22, "denied"), (3, "denied"), (7, "ok")):
            bench.functions.gate._now = lambda hour=hour: datetime(2026, 1, 1, hour)  # type: ignore[misc] # noqa: DTZ001 - local time
            assert (await bench.call("unlock")).outcome == outcome
        assert len(done(log)) == 2


async def test_an_agent_that_is_gone_may_do_nothing_high(bench: Bench, tmp_path: Path) -> None:
    async with gated(bench, tmp_path) as log:
        for agent in ("gone", None):
            outcome = await bench.functions.call(replace(bench.request("unlock"), agent=agent))
            assert outcome.outcome == "denied"
        assert done(log) == []
