"""The values that function handlers keep: JSON by file and key."""

import sqlite3
from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson

from agentd.store.rows import as_json

_SOURCE: Final = "values:"
"""Notes that say which older file was taken over already."""


def load(connection: sqlite3.Connection, file: str) -> dict[str, Any]:
    """Every value of a handler file."""
    found = connection.execute("SELECT key, value FROM function_values WHERE file = ? ORDER BY key", (file,))
    return {key: orjson.loads(value) for key, value in found}


def change(connection: sqlite3.Connection, file: str, values: Mapping[str, Any], delete: Collection[str]) -> None:
    """Set and delete."""
    connection.executemany(
        "INSERT OR REPLACE INTO function_values VALUES (?, ?, ?)", [(file, key, as_json(value)) for key, value in values.items()]
    )
    connection.executemany("DELETE FROM function_values WHERE file = ? AND key = ?", [(file, key) for key in delete])


def imported(connection: sqlite3.Connection, file: str) -> bool:
    """True when the file's values were taken over from where an earlier version kept them."""
    return connection.execute("SELECT 1 FROM notes WHERE name = ?", (_SOURCE + file,)).fetchone() is not None


def take_over(connection: sqlite3.Connection, file: str, values: Mapping[str, Any]) -> None:
    """Set values of an earlier version, once; those that were set since stay."""
    if imported(connection, file):
        return
    change(connection, file, dict(values) | load(connection, file), ())
    connection.execute("INSERT INTO notes VALUES (?, '1')", (_SOURCE + file,))
