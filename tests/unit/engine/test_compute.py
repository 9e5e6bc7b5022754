"""The engine's thread pool."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from agentd.engine import compute as module
from agentd.engine.compute import Compute, Overloaded, Urgency


@pytest.fixture
def compute() -> Iterator[Compute]:
    pool = Compute(1)
    yield pool
    pool.close()


class Gate:
    """A job that blocks its thread until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()

    def job(self) -> str:
        self._loop.call_soon_threadsafe(self.entered.set)
        assert self._open.wait(5)
        return "gate"

    def open(self) -> None:
        self._open.set()


async def test_a_result_comes_back_and_so_does_an_error(compute: Compute) -> None:
    assert await compute.run(Urgency.TRANSCRIPT, sum, [1, 2]) == 3
    with pytest.raises(ZeroDivisionError):
        await compute.run(Urgency.TRANSCRIPT, divmod, 1, 0)
    assert await compute.run(Urgency.TRANSCRIPT, len, "ab") == 2


async def test_first_audio_overtakes_jobs_that_may_wait(compute: Compute) -> None:
    gate = Gate()
    order: list[Urgency] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(compute.run(Urgency.AHEAD, gate.job))
        await gate.entered.wait()
        for urgency in (Urgency.AHEAD, Urgency.TRANSCRIPT, Urgency.FIRST_AUDIO):
            group.create_task(compute.run(urgency, order.append, urgency))
            await asyncio.sleep(0)
        gate.open()
    assert order == [Urgency.FIRST_AUDIO, Urgency.TRANSCRIPT, Urgency.AHEAD]


async def test_a_cancelled_job_that_waited_never_runs_and_frees_its_place(compute: Compute) -> None:
    gate = Gate()
    ran: list[int] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(compute.run(Urgency.AHEAD, gate.job))
        await gate.entered.wait()
        waiting = group.create_task(compute.run(Urgency.TRANSCRIPT, ran.append, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        gate.open()
    assert await compute.run(Urgency.TRANSCRIPT, len, "abc") == 3
    assert ran == []


async def test_a_cancelled_job_that_runs_keeps_its_place_until_it_is_done(compute: Compute) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(compute.run(Urgency.AHEAD, gate.job))
        await gate.entered.wait()
        running.cancel()
        after = group.create_task(compute.run(Urgency.FIRST_AUDIO, len, "abcd"))
        await asyncio.sleep(0)
        assert not after.done()
        gate.open()
    assert after.result() == 4


async def test_too_many_waiting_jobs_are_refused(compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        group.create_task(compute.run(Urgency.AHEAD, gate.job))
        await gate.entered.wait()
        for _ in range(2):
            group.create_task(compute.run(Urgency.AHEAD, len, ""))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await compute.run(Urgency.AHEAD, len, "")
        gate.open()
