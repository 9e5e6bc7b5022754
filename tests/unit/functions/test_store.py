import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentd.config.sections import StoreSettings
from agentd.functions.store import FileStore, StoreError, Stores
from agentd.store import Store


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = Store(folder, StoreSettings())
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


def values_of(store: Store, folder: Path) -> FileStore:
    """The values of ``home.py``, by a daemon that has just started."""
    return Stores(store, folder / "functions").of("home")


async def test_values_are_on_disk_when_set_returns(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await values_of(store, tmp_path).change({"a": 1, "ab": [2]})
        again = values_of(store, tmp_path)
        assert await again.items("") == {"a": 1, "ab": [2]}
        assert await again.items("ab") == {"ab": [2]}
        await again.change({}, delete=("a", "never there"))
        assert await values_of(store, tmp_path).items("") == {"ab": [2]}
        assert await Stores(store, tmp_path).of("other").items("") == {}
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


async def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        await asyncio.gather(*(values.change({str(number): number}) for number in range(20)))
        assert len(await values_of(store, tmp_path).items("")) == 20


async def test_texts_from_outside_are_known_as_such_until_they_are_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        await values.change({"own": "a", "switch": [True, 1.5, None]})
        await values.change({"mail": "b", "deep": [1, {"c": 2}], "switch": [False], "own": "a"}, outside=True)
        again = values_of(store, tmp_path)
        await again.items("")
        assert [key for key in ("own", "switch", "mail", "deep") if again.from_outside([key])] == ["mail", "deep"]
        await again.change({"mail": "of our own"}, delete=("deep",))
        await again.change({"deep": "anew"})
        last = values_of(store, tmp_path)
        await last.items("")
        assert not last.from_outside(["own", "switch", "mail", "deep"])


async def test_values_of_an_earlier_version_are_taken_over_once(tmp_path: Path) -> None:
    older = tmp_path / "functions" / "home.json"
    older.parent.mkdir()
    older.write_text('{"light/hall": 80, "mood": "calm"}')
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        assert await values.items("") == {"light/hall": 80, "mood": "calm"}
        await values.change({"mood": "bright"}, delete=("light/hall",))
        older.write_text('{"light/hall": 10, "mood": "dark"}')
        assert await values_of(store, tmp_path).items("") == {"mood": "bright"}
    assert not older.exists()


async def test_an_older_file_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    older = tmp_path / "functions" / "home.json"
    older.parent.mkdir()
    older.write_text('{"half": ')
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        assert await values.items("") == {}
        await values.change({"a": 1})
    assert [file.read_text() for file in older.parent.iterdir() if ".corrupt-" in file.name] == ['{"half": ']


async def test_what_cannot_be_stored_is_refused_and_the_rest_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        await values.change({"a": 1})
        for refused in ({"": 1}, {"k" * 201: 1}, {"large": "x" * 1_048_576}):
            with pytest.raises(StoreError):
                await values.change(refused)
        assert await values.items("") == {"a": 1}


async def test_a_disk_that_takes_nothing_refuses_and_keeps_the_old_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.store.database.BUSY_TIMEOUT_S", 0.05)
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        await values.change({"a": 1})
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(StoreError):
                await values.change({"a": 2})
            assert await values.items("") == {"a": 1}
        finally:
            other.close()
        assert await values_of(store, tmp_path).items("") == {"a": 1}


async def test_values_that_cannot_be_read_are_no_empty_store(tmp_path: Path) -> None:
    (tmp_path / "functions" / "home.json").mkdir(parents=True)
    async with opened(tmp_path) as store:
        with pytest.raises(StoreError):
            await values_of(store, tmp_path).items("")


async def test_a_value_is_set_only_where_it_stands_as_expected(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        values = values_of(store, tmp_path)
        assert await values.change({"a": 1}, expected={"a": {}})
        assert not await values.change({"a": 2}, expected={"a": {}})
        assert not await values.change({"a": 2, "b": 2}, expected={"a": {"value": 2}})
        assert await values.change({"a": None}, expected={"a": {"value": 1}})
        assert not await values.change({"a": 2}, expected={"a": {}}), "None is a value"
        assert await values_of(store, tmp_path).items("") == {"a": None}
