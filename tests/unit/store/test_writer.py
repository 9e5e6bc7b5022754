"""The queue and its thread: order, bounds, and a disk that does not take what it is given."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from agentd.store import Store, StoreUnavailable
from tests.unit.store.conftest import StoreOf, event, fill, run_row
from tests.unit.store.test_database import recovered


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked file is given up after a moment instead of five seconds."""
    monkeypatch.setattr("agentd.store.database.BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr("agentd.store.writer.RETRY_S", 0.1)


def locked(folder: Path) -> sqlite3.Connection:
    """Another process's grip on the file, until it is closed."""
    other = sqlite3.connect(folder / "store.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


async def test_flushed_returns_when_everything_before_it_is_committed(tmp_path: Path, store: Store) -> None:
    run_id = fill(store, "hello", events=500)
    assert await store.flushed()
    assert len(await store.events("kitchen", run_id, after=0, limit=1000)) == 500
    other = sqlite3.connect(tmp_path / "store.db")
    assert other.execute("SELECT COUNT(*) FROM events").fetchone() == (500,)
    other.close()


async def test_rows_that_nobody_waits_for_are_committed_by_themselves(store: Store) -> None:
    store.put_event(event("R", 1))
    await recovered(store)
    assert await store.last_event("R") is not None


async def test_work_comes_after_what_was_put_before_it(store: Store) -> None:
    run_id = fill(store, "hello", events=30)
    count = await store.writer.do(lambda connection: connection.execute("SELECT COUNT(*) FROM events").fetchone()[0])
    assert count == 30
    assert await store.run(run_id) is not None


async def test_a_locked_file_holds_nobody_up_and_loses_nothing_within_the_bound(
    tmp_path: Path, impatient: None, store_of: StoreOf
) -> None:
    store: Store = await store_of()
    other = locked(tmp_path)
    run_id = fill(store, "hello", events=2000)
    assert not await store.flushed()
    assert store.status()["state"] == "degraded"
    began = time.monotonic()
    assert not await store.flushed()
    with pytest.raises(StoreUnavailable):
        await store.change_values("home", {"a": 1})
    assert time.monotonic() - began < 4
    other.close()
    await recovered(store)
    assert store.status() == {"state": "ok", "waiting_rows": 0, "dropped_rows": 0}
    assert len(await store.events("kitchen", run_id, after=0, limit=3000)) == 2000
    assert await store.values("home") == {}


async def test_while_nothing_can_be_written_no_reader_stays_open(tmp_path: Path, impatient: None, store_of: StoreOf) -> None:
    """One that opened the file on a read-only disk would keep it read-only for the writer when the disk is not so any more."""
    store: Store = await store_of()
    await store.keep_note("a", "b")
    assert await store.note("a") == "b"
    assert store._connections
    other = locked(tmp_path)
    store.put_event(event("R", 1))
    assert not await store.flushed()
    assert await store.note("a") == "b"
    assert not store._connections
    other.close()
    await recovered(store)
    assert await store.note("a") == "b"
    assert store._connections


async def test_beyond_the_bound_the_oldest_events_give_way_and_runs_stay(
    tmp_path: Path, impatient: None, store_of: StoreOf
) -> None:
    store: Store = await store_of(queue_rows=100)
    other = locked(tmp_path)
    row = run_row()
    store.put_run(row)
    for seq in range(1, 301):
        store.put_event(event(row.run_id, seq))
    assert store.status()["dropped_rows"] == 201
    other.close()
    await recovered(store)
    assert await store.run(row.run_id) is not None
    kept = [one.seq for one in await store.events("kitchen", row.run_id, after=0, limit=500)]
    assert kept == list(range(202, 301))


async def test_a_full_queue_of_what_must_stay_is_still_bounded(tmp_path: Path, impatient: None, store_of: StoreOf) -> None:
    store: Store = await store_of(queue_rows=100)
    other = locked(tmp_path)
    for _ in range(300):
        store.put_run(run_row())
    assert len(store.writer) <= 100
    other.close()
    await recovered(store)


async def test_a_full_disk_is_told_and_what_waited_is_written_when_there_is_room(store_of: StoreOf) -> None:
    store: Store = await store_of()
    await store.flushed()
    pages = await store.writer.do(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await store.writer.do(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone(), transaction=False)
    run_id = fill(store, "x" * 5000, events=50)
    assert not await store.flushed()
    assert "full" in store.status()["reason"]
    with pytest.raises(StoreUnavailable):
        await store.change_values("home", {"a": "y" * 100_000})
    connection = store.writer._connection
    assert connection is not None
    connection.execute("PRAGMA max_page_count = 1000000").fetchone()
    await recovered(store)
    assert len(await store.events("kitchen", run_id, after=0, limit=100)) == 50


async def test_a_row_that_no_database_takes_does_not_hold_up_the_others(store: Store) -> None:
    store.put_event(event("R", 1))
    store.put_event(event("R", 2**70))
    store.put_event(event("R", 3))
    assert await store.flushed()
    assert [one.seq for one in await store.events("kitchen", "R", after=0, limit=10)] == [1, 3]
    assert store.figures()["dropped_rows"] == 1
    assert store.status()["state"] == "ok"


async def test_what_waits_at_the_end_is_written(tmp_path: Path, store_of: StoreOf) -> None:
    store: Store = await store_of(batch_s=1.0)
    fill(store, "hello", events=100)
    await store.stop()
    other = sqlite3.connect(tmp_path / "store.db")
    assert other.execute("SELECT COUNT(*) FROM events").fetchone() == (100,)
    other.close()
    assert not (tmp_path / "store.db-wal").exists() or (tmp_path / "store.db-wal").stat().st_size == 0
    with pytest.raises(StoreUnavailable):
        await store.change_values("home", {"a": 1})


async def test_the_event_loop_turns_while_the_file_is_locked(tmp_path: Path, store_of: StoreOf) -> None:
    """With the real patience of five seconds: the loop is never the one that waits."""
    store: Store = await store_of()
    other = locked(tmp_path)
    fill(store, "hello", events=100)
    waiting = asyncio.ensure_future(store.flushed())  # noqa: TID251 - the test itself waits beside it
    turns = 0
    while turns < 50:
        await asyncio.sleep(0.001)
        turns += 1
    assert not waiting.done()
    other.close()
    assert await waiting
