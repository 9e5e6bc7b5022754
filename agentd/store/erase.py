"""Erasing so that nothing is left: rows, what SQLite keeps of them in free space and in its log, and files put aside.

``secure_delete`` alone is not enough: it zeroes what is freed, but where rows of several runs share a page, moving them
between pages leaves copies in the gaps (seen in one of three random histories). VACUUM writes every page anew.
"""

import sqlite3
from pathlib import Path
from typing import Final

STEP: Final = 500
"""Rows deleted in one transaction of a sweep, so that the writer is never held up for long."""
_PARTS: Final = (("events", "seq"), ("turns", "n"), ("calls", "turn"))
_CHUNK_BYTES: Final = 1_048_576


def purge(connection: sqlite3.Connection, run_id: str) -> None:
    """Delete a run but for a line with its two ids; ``vacuum`` must follow."""
    for table, _ in _PARTS:
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))  # noqa: S608 - names of ours
    connection.execute("DELETE FROM plans WHERE run_id = ?", (run_id,))
    connection.execute(
        "UPDATE runs SET state = 'purged', agent = '', upstream = '', ended_at = COALESCE(ended_at, started_at), words = 0, "
        "metadata = '{}', view = '{}', settings = NULL, "
        "resumed_from = NULL WHERE run_id = ?",
        (run_id,),
    )


def vacuum(connection: sqlite3.Connection) -> None:
    """Write the whole file anew; ``empty_log`` must follow.

    Raises:
        sqlite3.Error: there is no room for the copy.
    """
    connection.execute("VACUUM")


def empty_log(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file and cut it to nothing; False when a reader holds on to it."""
    return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def forget_words(connection: sqlite3.Connection, run_id: str) -> bool:
    """One step of forgetting what was said in a run; its times, usage and end stay. True when it is done."""
    for table, key in _PARTS:
        sql = f"DELETE FROM {table} WHERE run_id = ?1 AND {key} IN (SELECT {key} FROM {table} WHERE run_id = ?1 LIMIT {STEP})"  # noqa: S608 - names of ours
        if connection.execute(sql, (run_id,)).rowcount:
            return False
    connection.execute(
        "UPDATE runs SET words = 0, settings = NULL, view = json_remove(view, '$.last_heard', '$.last_said') WHERE run_id = ?",
        (run_id,),
    )
    return True


def forget_runs(connection: sqlite3.Connection, ended_before: float) -> int:
    """One step of deleting runs whose words are gone; returns how many went."""
    sql = (
        "DELETE FROM runs WHERE run_id IN "  # noqa: S608 - a number of ours
        f"(SELECT run_id FROM runs WHERE state != 'live' AND words = 0 AND ended_at < ? LIMIT {STEP})"
    )
    return connection.execute(sql, (ended_before,)).rowcount


def erase_set_aside(files: list[Path], run_id: str) -> None:
    """Remove copies and corrupt files that hold this run: every row of a run carries its run id."""
    for path in files:
        if _holds(path, run_id.encode()):
            path.unlink(missing_ok=True)


def _holds(path: Path, needle: bytes) -> bool:
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK_BYTES):
            if needle in tail + chunk:
                return True
            tail = chunk[-len(needle) :]
    return False
