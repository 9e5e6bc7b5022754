"""Erasing: not a byte is left in any file."""

import random
import sqlite3
from pathlib import Path

import pytest

from agentd.ids import RunIds
from agentd.store import Store, StoreUnavailable
from tests.unit.store.conftest import StoreOf, event, files_with, fill, run_row

CANARY = "canary-4711-sings"


async def test_an_erased_run_is_in_no_file_and_its_neighbours_are(tmp_path: Path, store: Store) -> None:
    before, run_id, after = fill(store, "before"), fill(store, CANARY, events=200), fill(store, "after")
    recording = store.recordings.path(run_id, "wav")
    recording.parent.mkdir()
    recording.write_bytes(CANARY.encode())
    await store.flushed()
    assert files_with(tmp_path, CANARY)
    await store.purge(run_id)
    assert files_with(tmp_path, CANARY) == []
    row = await store.run(run_id)
    assert row is not None
    assert (row.state, row.id, row.agent, row.metadata, row.view, row.settings) == ("purged", "kitchen", "", {}, {}, None)
    for other in (before, after):
        assert len(await store.events("kitchen", other, after=0, limit=100)) == 20
        assert await store.turns(other)


@pytest.mark.parametrize("seed", range(3))
async def test_erasing_leaves_nothing_in_pages_that_runs_shared(tmp_path: Path, store: Store, seed: int) -> None:
    """Rows of many runs, written in turn and erased one by one: what moved between pages is gone as well."""
    rnd = random.Random(seed)
    runs = {run_id: f"canary-{i:04d}-sings" for i, run_id in enumerate(RunIds().new() for _ in range(25))}
    for run_id in runs:
        store.put_run(run_row(run_id))
    seq = dict.fromkeys(runs, 0)
    erased: list[str] = []
    alive = list(runs)
    for step in range(3000):
        run_id = rnd.choice(alive)
        seq[run_id] += 1
        store.put_event(event(run_id, seq[run_id], f"{runs[run_id]} " * rnd.choice([1, 5, 30, 150, 400])))
        if step % 500 == 499:
            alive.remove(run_id)
            await store.purge(run_id)
            erased.append(run_id)
    assert [run_id for run_id in erased if files_with(tmp_path, runs[run_id])] == []


async def test_erasing_reaches_files_that_were_put_aside(tmp_path: Path, store_of: StoreOf) -> None:
    store: Store = await store_of()
    run_id, other = fill(store, CANARY), fill(store, "other")
    await store.flushed()
    await store.writer.do(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), transaction=False)
    holding, without = tmp_path / "store.db.v1-1", tmp_path / "store.db.corrupt-2"
    holding.write_bytes((tmp_path / "store.db").read_bytes())
    without.write_bytes(other.encode())
    await store.purge(run_id)
    assert files_with(tmp_path, CANARY) == []
    assert not holding.exists()
    assert without.exists()


async def test_erasing_says_so_when_another_process_keeps_the_log(
    tmp_path: Path, store_of: StoreOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.store.database.BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr("agentd.store.store.PURGE_S", 0.3)
    store: Store = await store_of()
    run_id = fill(store, CANARY)
    await store.flushed()
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM runs").fetchall()
    with pytest.raises(StoreUnavailable, match="another process"):
        await store.purge(run_id)
    other.close()
    await store.purge(run_id)
    assert files_with(tmp_path, CANARY) == []


async def test_words_are_not_kept_where_the_configuration_says_so(tmp_path: Path, store_of: StoreOf) -> None:
    store: Store = await store_of(transcripts=False)
    store.put_event(event("R", 1, CANARY))
    await store.flushed()
    assert (await store.events("kitchen", "R", after=0, limit=1))[0].data == {"role": "user"}
    assert files_with(tmp_path, CANARY) == []
