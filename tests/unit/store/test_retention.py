"""Forgetting in time, with clocks that the tests turn."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentd.store import Store
from tests.unit.store.conftest import StoreOf, files_with, fill

DAY_S = 86_400.0
NOW = 1_800_000_000.0


@dataclass
class Clocks:
    """A wall clock and a monotonic one."""

    wall_s: float = NOW
    monotonic_s: float = 50_000.0

    def wall(self) -> float:
        return self.wall_s

    def monotonic(self) -> float:
        return self.monotonic_s

    def pass_by(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
async def store(store_of: StoreOf, clocks: Clocks) -> Store:
    made: Store = await store_of(wall=clocks.wall, monotonic=clocks.monotonic)
    return made


async def test_words_go_after_their_days_and_the_run_after_its_own(tmp_path: Path, store: Store, clocks: Clocks) -> None:
    old, new = fill(store, "old-words", events=1200, ended_at=NOW - 31 * DAY_S), fill(store, "new-words", ended_at=NOW - DAY_S)
    store.add_usage("2026-11-24", "home", "engine", {"turns": 3})
    assert await store.retention.sweep() == 1
    row = await store.run(old)
    assert row is not None
    assert (row.words, row.settings, row.view) == (False, None, {"id": "kitchen", "usage": {"turns": 1}})
    assert (await store.turns(old), await store.calls(old), await store.last_event(old)) == ([], [], None)
    assert files_with(tmp_path, "old-words old-words") == []
    assert len(await store.turns(new)) == 1
    clocks.pass_by(340 * DAY_S)
    await store.retention.sweep()
    assert await store.run(old) is None
    assert await store.run(new) is not None
    assert (await store.usage(by=()))[0]["turns"] == 3


async def test_a_run_that_goes_on_is_never_forgotten(store: Store, clocks: Clocks) -> None:
    from tests.unit.store.conftest import run_row

    row = run_row(state="live", ended_at=None)
    store.put_run(row)
    clocks.pass_by(4000 * DAY_S)
    await store.retention.sweep()
    assert await store.run(row.run_id) is not None


async def test_recordings_and_files_put_aside_go_after_their_days(tmp_path: Path, store: Store) -> None:
    run_id, kept = fill(store, "x", ended_at=NOW), fill(store, "y", ended_at=NOW)
    for name, age_days in ((run_id, 8), (kept, 6)):
        path = store.recordings.path(name, "wav")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"sound")
        os.utime(path, (NOW - age_days * DAY_S,) * 2)
    aside = tmp_path / "store.db.corrupt-1"
    aside.write_bytes(b"broken")
    os.utime(aside, (NOW - 31 * DAY_S,) * 2)
    assert await store.retention.sweep() == 2
    assert store.recordings.find(run_id) is None
    assert store.recordings.find(kept) is not None
    assert not aside.exists()


@pytest.mark.parametrize("jump_days", [1, -1, 4000])
async def test_a_clock_that_jumps_deletes_nothing(store: Store, clocks: Clocks, jump_days: int) -> None:
    run_id = fill(store, "hello", ended_at=NOW - 29.9 * DAY_S)
    await store.flushed()
    clocks.pass_by(3600)
    assert store.retention.look()
    clocks.wall_s += jump_days * DAY_S
    assert await store.retention.sweep() == 0
    clocks.pass_by(3600)
    assert await store.retention.sweep() == 0
    assert len(await store.turns(run_id)) == 1
    clocks.wall_s -= jump_days * DAY_S  # somebody noticed
    assert await store.retention.sweep() == 0
    clocks.pass_by(2 * DAY_S)
    assert await store.retention.sweep() == 1


async def test_a_machine_that_sets_its_clock_at_boot_rests_an_hour_only(store: Store, clocks: Clocks) -> None:
    fill(store, "hello", ended_at=NOW - 30.5 * DAY_S)
    clocks.wall_s += DAY_S
    assert await store.retention.sweep() == 0
    clocks.pass_by(3600)
    assert await store.retention.sweep() == 1


async def test_the_log_is_cut_once_its_reader_is_gone(tmp_path: Path, store_of: StoreOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.store.database.BUSY_TIMEOUT_S", 0.05)
    store: Store = await store_of()
    fill(store, "first")
    await store.flushed()
    reader = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM runs").fetchall()
    for _ in range(40):
        fill(store, "hello", events=200)
        await store.flushed()
    await store.retention.sweep()
    log = tmp_path / "store.db-wal"
    assert log.stat().st_size > 4_000_000
    reader.close()
    await store.retention.sweep()
    assert log.stat().st_size == 0
