"""The day's minutes on the paid upstream: counted as it bills them, warned of, and kept to."""

import asyncio
from pathlib import Path

import pytest

from agentd.errors import BudgetExhausted
from agentd.sessions.budget import Budget
from tests.support.sessions import world

NOON = 1_800_014_400.0
"""2027-01-15, 12:00 UTC."""


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


def test_connections_are_counted_once_however_often_they_are_looked_at() -> None:
    budget = Budget(10, wall=Clock())
    for connection_s in (60.0, 60.0, 90.0):
        budget.count("one", connection_s)
    budget.count("other", 30.0)
    assert budget.left_s == 480
    budget.close("one", 100.0)
    assert budget.left_s == 470


def test_what_an_earlier_daemon_spent_today_is_spent() -> None:
    budget = Budget(10, wall=Clock())
    budget.begin(600)
    with pytest.raises(BudgetExhausted) as refused:
        budget.check()
    assert refused.value.retry_after_s == 12 * 3600
    assert refused.value.status == 429


def test_the_day_ends_at_midnight_utc_and_a_session_goes_on_into_the_next() -> None:
    clock = Clock()
    budget = Budget(10, wall=clock)
    budget.count("one", 600.0)
    assert budget.left_s == 0
    assert budget.is_low()
    clock.now += 12 * 3600
    budget.check()
    budget.count("one", 660.0)
    assert budget.left_s == 540


def test_the_warning_comes_once_a_day_at_nine_tenths() -> None:
    clock = Clock()
    budget = Budget(10, wall=clock)
    told = []
    for connection_s in (530.0, 541.0, 550.0):
        budget.count("one", connection_s)
        told.append(budget.is_low())
    clock.now += 24 * 3600
    told.append(budget.is_low())
    assert told == [False, True, False, False]


def test_zero_is_no_limit() -> None:
    budget = Budget(0, wall=Clock())
    budget.count("one", 1_000_000.0)
    budget.check()
    assert budget.left_s is None
    assert not budget.is_low()


async def test_a_session_ends_with_the_days_minutes_and_none_is_started_after_it(tmp_path: Path) -> None:
    async with world(tmp_path, {"greeting_audio_s": 0.0}, minutes_per_day=0.02) as made:
        session = await made.session(id="kitchen")
        async with asyncio.timeout(30):
            await session.ended.wait()
        assert session.end_reason == "budget"
        events = [envelope for envelope in session.events_since(0)[0] if envelope.type == "Warning"]
        assert [envelope.data["code"] for envelope in events] == ["BUDGET_LOW"]
        with pytest.raises(BudgetExhausted):
            await made.session(id="kitchen")
        assert made.registry.get_sample_value("agentd_budget_left_seconds") == 0


async def test_a_new_daemon_on_the_same_store_goes_on_counting(tmp_path: Path) -> None:
    async with world(tmp_path, {"greeting_audio_s": 0.0}, minutes_per_day=0.01) as made:
        session = await made.session(id="kitchen")
        async with asyncio.timeout(30):
            await session.ended.wait()
    async with world(tmp_path, {"greeting_audio_s": 0.0}, minutes_per_day=0.01) as made:
        with pytest.raises(BudgetExhausted):
            await made.session(id="kitchen")
