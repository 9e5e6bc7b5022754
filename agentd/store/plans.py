"""What handlers have planned: one row each, until it has happened."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agentd.store.rows import as_json


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One plan.

    Attributes:
        run_id: the run it was made in; a purge of the run erases it.
        due_at: Unix seconds.
        data: all else, as JSON values.
    """

    id: str
    run_id: str
    due_at: float
    data: Mapping[str, Any]


def put(connection: sqlite3.Connection, row: PlanRow) -> None:
    """Keep a plan."""
    connection.execute("INSERT INTO plans VALUES (?, ?, ?, ?)", (row.id, row.run_id, row.due_at, as_json(row.data)))


def drop(connection: sqlite3.Connection, id_: str) -> None:
    """Forget a plan; it need not exist."""
    connection.execute("DELETE FROM plans WHERE id = ?", (id_,))


def load(connection: sqlite3.Connection, limit: int) -> list[PlanRow]:
    """The plans, soonest first."""
    found = connection.execute("SELECT id, run_id, due_at, data FROM plans ORDER BY due_at LIMIT ?", (limit,))
    return [PlanRow(id_, run_id, due_at, orjson.loads(data)) for id_, run_id, due_at, data in found]
