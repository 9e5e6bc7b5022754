import asyncio

import pytest

from agentd.functions.workers.deadline import Deadline


async def test_a_deadline_expires_unless_stopped() -> None:
    expired = asyncio.Event()
    Deadline(0.01, expired.set)
    async with asyncio.timeout(5):
        await expired.wait()
    stopped = asyncio.Event()
    deadline = Deadline(0.0, stopped.set)
    deadline.stop()
    deadline.stop()
    await asyncio.sleep(0.01)
    assert not stopped.is_set()


async def test_a_deadline_stands_still_while_paused() -> None:
    loop = asyncio.get_running_loop()
    expired = asyncio.Event()
    started = loop.time()
    deadline = Deadline(0.05, expired.set)
    deadline.pause()
    deadline.pause()
    await asyncio.sleep(0.1)
    deadline.resume()
    assert not expired.is_set()
    await asyncio.sleep(0.05)
    deadline.resume()
    assert not expired.is_set()
    async with asyncio.timeout(5):
        await expired.wait()
    assert loop.time() - started >= 0.19


async def test_a_handler_cannot_pause_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.functions.workers.deadline.MAX_PAUSED_S", 0.02)
    expired = asyncio.Event()
    Deadline(10, expired.set).pause()
    async with asyncio.timeout(5):
        await expired.wait()
