"""The turns of a conversation, one after the other, and each of them can be taken back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from agentd.engine.line import Hangup, Line
from agentd.engine.turns import MAX_WAITING, Turns


class Tasks:
    """The part of a line that owns tasks."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group

    def spawn(self, coroutine: Any, name: str) -> "asyncio.Task[Any]":
        return self._group.create_task(coroutine, name=name)


@pytest.fixture
async def turns() -> AsyncIterator[Turns]:
    async with asyncio.TaskGroup() as group:
        turns = Turns(cast("Line", Tasks(group)))
        running = group.create_task(turns.run())
        yield turns
        running.cancel()


async def said(log: list[str], name: str, gate: asyncio.Event) -> None:
    log.append(f"{name} begins")
    await gate.wait()
    log.append(f"{name} ends")


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_turns_run_one_after_the_other(turns: Turns) -> None:
    log: list[str] = []
    gates = [asyncio.Event(), asyncio.Event()]
    for name, gate in zip("ab", gates, strict=True):
        turns.add(said(log, name, gate))
    await settled()
    assert log == ["a begins"]
    gates[0].set()
    gates[1].set()
    await settled()
    assert log == ["a begins", "a ends", "b begins", "b ends"]
    assert not turns.busy


async def test_a_turn_can_be_dropped_while_it_waits_and_while_it_runs(turns: Turns) -> None:
    log: list[str] = []
    gate = asyncio.Event()
    first, second, third = (said(log, name, gate) for name in "abc")
    for turn in (first, second, third):
        turns.add(turn)
    turns.drop(second)
    await settled()
    turns.drop(first)
    gate.set()
    await settled()
    assert log == ["a begins", "c begins", "c ends"]


async def test_a_turn_dropped_before_it_began_leaves_nothing(turns: Turns) -> None:
    log: list[str] = []
    turn = said(log, "a", asyncio.Event())
    turns.add(turn)
    turns.drop(turn)
    assert not turns.busy
    await settled()
    assert log == []


async def test_a_cut_ends_the_running_turn_and_those_that_wait(turns: Turns) -> None:
    log: list[str] = []
    gate = asyncio.Event()
    for name in "ab":
        turns.add(said(log, name, gate))
    await settled()
    turns.cut()
    gate.set()
    await settled()
    assert log == ["a begins"]


async def test_no_more_turns_wait_than_may(turns: Turns) -> None:
    gate = asyncio.Event()
    log: list[str] = []
    for number in range(MAX_WAITING):
        turns.add(said(log, str(number), gate))
    with pytest.raises(Hangup):
        turns.add(said(log, "one more", gate))
    turns.cut()
