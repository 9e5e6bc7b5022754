"""The file: what a start finds, and what it makes of it."""

import sqlite3
from pathlib import Path

import pytest

from agentd.store import FutureSchema, Store
from agentd.store import schema as schema_module
from agentd.store.schema import VERSION
from tests.unit.store.conftest import StoreOf, fill, run_row


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path, store_of: StoreOf) -> None:
    first: Store = await store_of()
    run_id = fill(first, "hello")
    await first.stop()
    again: Store = await store_of()
    found = await again.run(run_id)
    assert found is not None
    assert (found.id, found.state, found.metadata) == ("kitchen", "ended", {"who": "hello"})
    assert [one.seq for one in await again.events("kitchen", run_id, after=18, limit=10)] == [19, 20]
    assert again.status()["state"] == "ok"
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["header", "cut", "page", "text"])
async def test_a_corrupt_file_is_put_aside_and_the_daemon_goes_on(tmp_path: Path, store_of: StoreOf, damage: str) -> None:
    first: Store = await store_of()
    for _ in range(20):
        fill(first, "hello")
    await first.stop()
    path = tmp_path / "store.db"
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = b"\0" * 16
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "page":
        data[8192:16384] = bytes(range(256)) * 32
    else:
        data = bytearray(b"this is a letter, not a database\n" * 40)
    path.write_bytes(data)
    again: Store = await store_of()
    assert again.status()["state"] == "degraded"
    aside = Path(again.status()["corrupt_file"])
    assert aside.name.startswith("store.db.corrupt-")
    assert aside.read_bytes() == bytes(data)
    run_id = fill(again, "after")
    assert await again.flushed()
    assert await again.run(run_id) is not None


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path, store_of: StoreOf) -> None:
    await (await store_of()).stop()
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(FutureSchema, match="newer agentd"):
        await store_of()
    assert path.read_bytes() == before


async def test_an_older_file_is_copied_and_migrated_in_one_transaction(
    tmp_path: Path, store_of: StoreOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: Store = await store_of()
    run_id = fill(first, "hello")
    await first.stop()
    steps = (*schema_module.MIGRATIONS, ("ALTER TABLE runs ADD COLUMN mood TEXT", "CREATE TABLE moods (name TEXT)"))
    monkeypatch.setattr(schema_module, "MIGRATIONS", (*steps[:-1], (*steps[-1], "SELECT * FROM nowhere")))
    monkeypatch.setattr(schema_module, "VERSION", VERSION + 1)
    broken: Store = await store_of()
    assert "nowhere" in broken.status()["reason"]
    await broken.stop()
    connection = sqlite3.connect(tmp_path / "store.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert not connection.execute("SELECT * FROM pragma_table_info('runs') WHERE name = 'mood'").fetchall()
    connection.close()
    monkeypatch.setattr(schema_module, "MIGRATIONS", steps)
    migrated: Store = await store_of()
    assert migrated.status()["state"] == "ok"
    assert await migrated.run(run_id) is not None
    copies = list(tmp_path.glob(f"store.db.v{VERSION}-*"))
    assert copies
    old = sqlite3.connect(copies[0])
    assert old.execute("SELECT run_id FROM runs").fetchone() == (run_id,)
    old.close()


async def test_a_place_where_no_file_can_be_is_no_reason_not_to_start(tmp_path: Path, store_of: StoreOf) -> None:
    (tmp_path / "store.db").mkdir()
    store: Store = await store_of()
    fill(store, "hello")
    assert not await store.flushed()
    assert store.status()["state"] == "degraded"
    assert await store.latest("kitchen") is None
    assert await store.usage(by=("day",)) == []
    (tmp_path / "store.db").rmdir()  # the disk is back: what waited is written
    await recovered(store)
    assert await store.latest("kitchen") is not None


async def test_a_file_that_breaks_while_it_is_used_is_replaced(tmp_path: Path, store_of: StoreOf) -> None:
    store: Store = await store_of()
    for _ in range(50):
        fill(store, "hello")
    await store.writer.do(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), transaction=False)
    with (tmp_path / "store.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 200_000)
    await store.writer.do(lambda connection: connection.execute("PRAGMA shrink_memory"), transaction=False)
    for _ in range(50):
        fill(store, "more")
    await recovered(store)
    run_id = fill(store, "after")
    assert await store.flushed()
    assert await store.run(run_id) is not None
    assert store.status()["state"] == "degraded"


async def test_the_latest_run_of_a_name_is_the_newest_that_was_not_erased(store: Store) -> None:
    old, new = run_row(), run_row()
    for row in (old, new):
        store.put_run(row)
    await store.flushed()
    found = await store.latest("kitchen")
    assert found is not None
    assert found.run_id == new.run_id
    await store.purge(new.run_id)
    found = await store.latest("kitchen")
    assert found is not None
    assert found.run_id == old.run_id


async def recovered(store: Store) -> None:
    """Wait until everything is committed, through failures."""
    import asyncio

    async with asyncio.timeout(30):
        while not (await store.flushed() and len(store.writer) == 0):  # noqa: ASYNC110 - the disk tells nobody that it is back
            await asyncio.sleep(0.02)
