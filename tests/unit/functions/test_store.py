import asyncio
from pathlib import Path

import pytest

from agentd.functions.store import FileStore, StoreError


async def test_values_are_on_disk_when_set_returns(tmp_path: Path) -> None:
    path = tmp_path / "functions" / "home.json"
    await FileStore(path).change({"a": 1, "ab": [2]})
    again = FileStore(path)
    assert await again.items("") == {"a": 1, "ab": [2]}
    await again.change({}, delete=("a", "never there"))
    assert await FileStore(path).items("") == {"ab": [2]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["home.json"]


async def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "home.json")
    await asyncio.gather(*(store.change({str(number): number}) for number in range(20)))
    assert len(await FileStore(tmp_path / "home.json").items("")) == 20


async def test_a_store_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    path.write_text('{"half": ')
    store = FileStore(path)
    assert await store.items("") == {}
    await store.change({"a": 1})
    kept = [file for file in tmp_path.iterdir() if ".corrupt-" in file.name]
    assert [file.read_text() for file in kept] == ['{"half": ']


async def test_what_cannot_be_stored_is_refused_and_the_rest_stays(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "home.json")
    await store.change({"a": 1})
    for values in ({"": 1}, {"k" * 201: 1}, {"large": "x" * 1_048_576}):
        with pytest.raises(StoreError):
            await store.change(values)
    assert await store.items("") == {"a": 1}


async def test_a_disk_that_takes_nothing_refuses_and_keeps_the_old_values(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "home.json"
    store = FileStore(path)
    await store.change({"a": 1})
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder was")
    with pytest.raises(StoreError):
        await store.change({"a": 2})
    assert await store.items("") == {"a": 1}


async def test_values_that_cannot_be_read_are_no_empty_store(tmp_path: Path) -> None:
    (tmp_path / "home.json").mkdir()
    with pytest.raises(StoreError):
        await FileStore(tmp_path / "home.json").items("")
