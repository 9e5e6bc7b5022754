"""The values handlers keep, one set per handler file, in the daemon's store.

A write is on disk before it is acknowledged. What cannot be written is refused, and the values stay as they were.
Texts that a conversation kept after it had been told something from outside are remembered as such: whoever reads one has been
told something from outside too.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from agentd.store import Store, StoreUnavailable

KEY_CHARS: Final = 200
FILE_BYTES: Final = 1_048_576
"""All values of one handler file together."""

_OUTSIDE: Final = "#outside"
"""After a file's name: the keys whose texts may be from outside. No handler file is called so."""

_ANYTHING: Final[Mapping[str, Mapping[str, Any]]] = {}

_log = structlog.get_logger("agentd.functions")


class StoreError(Exception):
    """A value was not stored; the text says why."""


class Stores:
    """The values of all handler files.

    Args:
        store: where they are kept.
        older: the folder where earlier versions kept them, one JSON file each; taken over when a file's values are first asked.
    """

    def __init__(self, store: Store, older: Path) -> None:
        self._store = store
        self._older = older
        self._stores: dict[str, FileStore] = {}

    def of(self, name: str) -> "FileStore":
        """The values of the handler file ``name`` (without ``.py``)."""
        if name not in self._stores:
            self._stores[name] = FileStore(self._store, name, self._older / f"{name}.json")
        return self._stores[name]


class FileStore:
    """JSON values by key, of one handler file."""

    def __init__(self, store: Store, name: str, older: Path) -> None:
        self._store = store
        self._name = name
        self._older = older
        self._values: dict[str, Any] | None = None
        self._outside: set[str] = set()
        self._lock = asyncio.Lock()

    async def items(self, prefix: str) -> dict[str, Any]:
        """Every value whose key starts with ``prefix``.

        Raises:
            StoreError: the values cannot be read now.
        """
        async with self._lock:
            values = await self._loaded()
        return {key: value for key, value in values.items() if key.startswith(prefix)}

    def from_outside(self, keys: Iterable[str]) -> bool:
        """Whether a text under one of the keys, which ``items`` has given, may be from outside."""
        return not self._outside.isdisjoint(keys)

    async def change(
        self,
        values: dict[str, Any],
        *,
        delete: tuple[str, ...] = (),
        outside: bool = False,
        expected: Mapping[str, Mapping[str, Any]] = _ANYTHING,
    ) -> bool:
        """Set ``values`` and delete keys, all or nothing, and return once that is on disk.

        Args:
            values: by key.
            delete: keys.
            outside: the conversation has been told something from outside.
            expected: only if it stands so: by key ``{"value": …}``, or nothing in it where there is no value.

        Returns:
            False when it does not stand as expected; nothing was changed.

        Raises:
            StoreError: a key or the whole is too large, or the disk does not take it.
        """
        for key in values:
            if not key or len(key) > KEY_CHARS:
                raise StoreError(f"a key has 1 to {KEY_CHARS} characters")
        async with self._lock:
            before = await self._loaded()
            if any(({"value": before[key]} if key in before else {}) != seen for key, seen in expected.items()):
                return False
            after = {key: value for key, value in (before | values).items() if key not in delete}
            if len(orjson.dumps(after)) > FILE_BYTES:
                raise StoreError(f"the store of this file would exceed {FILE_BYTES} bytes")
            if after == before:
                return True
            changed = {key: value for key, value in after.items() if key not in before or before[key] != value}
            gone = before.keys() - after.keys()
            marked = {key for key, value in changed.items() if outside and _has_text(value)}
            try:
                await self._mark(marked - self._outside)  # before there is something to read
                await self._store.change_values(self._name, changed, gone)
            except StoreUnavailable as error:
                _log.error("function_store_failed", file=self._name, error=str(error))
                raise StoreError("the value could not be stored") from error
            self._values = after
            with contextlib.suppress(StoreUnavailable):  # a mark too many asks a person too often, and no more
                await self._unmark(self._outside & ({*changed, *gone} - marked))
        return True

    async def _mark(self, keys: set[str]) -> None:
        if keys:
            await self._store.change_values(self._name + _OUTSIDE, dict.fromkeys(keys, True))
            self._outside |= keys

    async def _unmark(self, keys: set[str]) -> None:
        if keys:
            await self._store.change_values(self._name + _OUTSIDE, {}, keys)
            self._outside -= keys

    async def _loaded(self) -> dict[str, Any]:
        if self._values is None:
            try:
                await self._take_over()
                self._outside = set(await self._store.values(self._name + _OUTSIDE))
                self._values = await self._store.values(self._name)
            except (StoreUnavailable, OSError) as error:
                _log.error("function_store_failed", file=self._name, error=str(error))
                raise StoreError("the stored values cannot be read") from error
        return self._values

    async def _take_over(self) -> None:
        """What an earlier version kept in a file comes along once; the file stays, under another name."""
        older = await asyncio.to_thread(_read, self._older)
        if older is not None:
            await self._store.take_over_values(self._name, older)
            await asyncio.to_thread(self._older.rename, self._older.with_name(f"{self._older.name}.imported"))
            _log.info("function_store_imported", file=self._name, values=len(older))


def _has_text(value: Any) -> bool:
    """Numbers and switches hold no instruction."""
    if isinstance(value, dict):
        return bool(value)
    return any(map(_has_text, value)) if isinstance(value, list) else isinstance(value, str)


def _read(path: Path) -> dict[str, Any] | None:
    """The older file's values; one that cannot be understood is put aside, so that nothing is lost and work goes on."""
    try:
        values = orjson.loads(path.read_bytes())
        if isinstance(values, dict):
            return values
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError:
        pass
    aside = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
    path.rename(aside)
    _log.error("function_store_corrupt", path=str(path), kept_as=str(aside))
    return None
