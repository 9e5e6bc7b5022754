import asyncio
from pathlib import Path

import pytest

from agentd.config.sections import StoreSettings
from agentd.functions.declare import TIERS, Tier
from agentd.functions.gate.switch import LOST, NOTE, Disabled, Switch
from agentd.functions.registry import FunctionSpec
from agentd.store import Store, StoreUnavailable
from tests.support.refusals import refusal


def spec(tier: Tier) -> FunctionSpec:
    return FunctionSpec("f", "Do it.", {"type": "object"}, tier, 10.0, "a.py")


async def opened(folder: Path) -> tuple[Store, Switch]:
    store = Store(folder, StoreSettings())
    await store.start()
    switch = Switch(store)
    await switch.load()
    return store, switch


def passed(switch: Switch) -> list[Tier]:
    """The tiers it lets pass."""
    through: list[Tier] = []
    for tier in TIERS:
        rejected = refusal(lambda tier=tier: switch.check(spec(tier)))  # type: ignore[misc] # the tier of this turn of the loop
        if rejected is None:
            through.append(tier)
        else:
            assert (rejected.outcome, rejected.reason) == ("denied", "actions_disabled")
    return through


async def test_off_it_stops_what_is_felt_and_on_it_stops_nothing(tmp_path: Path) -> None:
    store, switch = await opened(tmp_path)
    assert passed(switch) == list(TIERS)
    await switch.disable("phone")
    assert passed(switch) == ["read", "low"]
    await switch.enable("first")
    assert passed(switch) == list(TIERS)
    assert (switch.setting.changed_by, switch.setting.changed_at is not None) == ("first", True)
    await store.stop()


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    for enabled in (False, True):
        store, switch = await opened(tmp_path)
        await (switch.enable if enabled else switch.disable)("phone")
        await store.stop()
        store, switch = await opened(tmp_path)
        assert (switch.setting.enabled, switch.setting.changed_by) == (enabled, "phone")
        await store.stop()


async def test_a_store_that_was_lost_leaves_it_off(tmp_path: Path) -> None:
    store, switch = await opened(tmp_path)
    await switch.disable("phone")
    await store.stop()
    (tmp_path / "store.db").write_bytes(b"not a database" * 1000)
    for leftover in ("store.db-wal", "store.db-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    store, switch = await opened(tmp_path)
    assert (switch.setting.enabled, switch.setting.changed_by) == (False, LOST)
    await switch.enable("first")
    assert switch.setting.enabled
    await store.stop()


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}", "null", '{"enabled": "yes", "changed_at": 1, "changed_by": "x"}'])
async def test_what_is_no_setting_leaves_it_off(tmp_path: Path, kept: str) -> None:
    store, _ = await opened(tmp_path)
    await store.keep_note(NOTE, kept)
    await store.stop()
    store, switch = await opened(tmp_path)
    assert passed(switch) == ["read", "low"]
    await store.stop()


async def test_what_the_disk_does_not_take_is_off_now_and_said_to_be_lost(tmp_path: Path) -> None:
    store, switch = await opened(tmp_path)
    await store.stop()
    with pytest.raises(StoreUnavailable):
        await switch.disable("phone")
    assert passed(switch) == ["read", "low"]
    with pytest.raises(StoreUnavailable):
        await switch.enable("first")
    assert passed(switch) == ["read", "low"]


@pytest.mark.parametrize("tier", TIERS)
async def test_it_stops_what_runs_and_is_felt(tmp_path: Path, tier: Tier) -> None:
    store, switch = await opened(tmp_path)
    begun, over = asyncio.Event(), asyncio.Event()

    async def run() -> str:
        try:
            async with switch.stopping(spec(tier)):
                begun.set()
                await over.wait()
        except Disabled:
            return "stopped"
        return "done"

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        await begun.wait()
        await switch.disable("phone")
        over.set()
    assert task.result() == ("stopped" if tier in {"medium", "high"} else "done")
    assert switch.running == 0
    await store.stop()


async def test_a_time_limit_and_a_cancellation_are_what_they_were(tmp_path: Path) -> None:
    store, switch = await opened(tmp_path)
    with pytest.raises(TimeoutError):
        async with switch.stopping(spec("high")):
            raise TimeoutError
    with pytest.raises(asyncio.CancelledError):
        async with switch.stopping(spec("high")):
            raise asyncio.CancelledError
    assert switch.running == 0
    await store.stop()


async def test_who_switches_off_wins_over_who_switches_on(tmp_path: Path) -> None:
    store, switch = await opened(tmp_path)
    await switch.disable("phone")
    for _ in range(20):
        await asyncio.gather(switch.enable("first"), switch.enable("first"), switch.disable("phone"))
        assert not switch.setting.enabled
        await asyncio.gather(switch.enable("first"), switch.disable("phone"), switch.enable("second"))
        await asyncio.gather(switch.disable("phone"))
        again = Switch(store)
        await again.load()
        assert not again.setting.enabled
    await store.stop()


async def test_whoever_waits_for_a_person_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path, StoreSettings())
    await store.start()
    told: list[bool] = []
    switch = Switch(store, disabled=lambda: told.append(True))
    await switch.disable("phone")
    assert told == [True]
    await store.stop()
