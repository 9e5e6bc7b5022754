"""The values handlers keep: one JSON file per handler file in the state folder, replaced whole and atomically.

A write is on disk before it is acknowledged. What cannot be written is refused, and the values stay as they were.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

KEY_CHARS: Final = 200
FILE_BYTES: Final = 1_048_576
"""All values of one handler file together."""

_log = structlog.get_logger("agentd.functions")


class StoreError(Exception):
    """A value was not stored; the text says why."""


class Stores:
    """The stores of all handler files.

    Args:
        directory: made when it is first needed, readable by this user alone.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stores: dict[str, FileStore] = {}

    def of(self, name: str) -> "FileStore":
        """The store of the handler file ``name`` (without ``.py``)."""
        if name not in self._stores:
            self._stores[name] = FileStore(self._directory / f"{name}.json")
        return self._stores[name]


class FileStore:
    """JSON values by key, in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] | None = None
        self._lock = asyncio.Lock()

    async def items(self, prefix: str) -> dict[str, Any]:
        """Every value whose key starts with ``prefix``."""
        async with self._lock:
            values = await self._loaded()
        return {key: value for key, value in values.items() if key.startswith(prefix)}

    async def change(self, values: dict[str, Any], *, delete: tuple[str, ...] = ()) -> None:
        """Set ``values`` and delete keys, all or nothing, and return once that is on disk.

        Raises:
            StoreError: a key or the whole is too large, or the disk does not take it.
        """
        for key in values:
            if not key or len(key) > KEY_CHARS:
                raise StoreError(f"a key has 1 to {KEY_CHARS} characters")
        async with self._lock:
            before = await self._loaded()
            after = {key: value for key, value in (before | values).items() if key not in delete}
            text = orjson.dumps(after, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
            if len(text) > FILE_BYTES:
                raise StoreError(f"the store of this file would exceed {FILE_BYTES} bytes")
            if after != before:
                try:
                    await asyncio.to_thread(_replace, self._path, text)
                except OSError as error:
                    _log.error("function_store_failed", path=str(self._path), error=str(error))
                    raise StoreError("the value could not be stored") from error
            self._values = after

    async def _loaded(self) -> dict[str, Any]:
        if self._values is None:
            try:
                self._values = await asyncio.to_thread(_read, self._path)
            except OSError as error:
                _log.error("function_store_failed", path=str(self._path), error=str(error))
                raise StoreError("the stored values cannot be read") from error
        return self._values


def _read(path: Path) -> dict[str, Any]:
    """The file's values; a file that cannot be understood is put aside, so that nothing is lost and work goes on."""
    try:
        values = orjson.loads(path.read_bytes())
        if isinstance(values, dict):
            return values
    except FileNotFoundError:
        return {}
    except orjson.JSONDecodeError:
        pass
    aside = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
    path.rename(aside)
    _log.error("function_store_corrupt", path=str(path), kept_as=str(aside))
    return {}


def _replace(path: Path, text: bytes) -> None:
    """Write beside, sync, rename: a crash leaves the old file or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
