"""The tables, and how an older file becomes one of this version.

``PRAGMA user_version`` numbers the schema: entry ``n`` of ``MIGRATIONS`` leads from version ``n`` to ``n + 1``. A released
entry is never changed.
"""

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger("agentd.store")

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE runs (
            run_id TEXT PRIMARY KEY,          -- a ULID: sorts by time
            id TEXT NOT NULL,
            agent TEXT NOT NULL,
            upstream TEXT NOT NULL,
            state TEXT NOT NULL,              -- live, ended, purged (ids only)
            started_at REAL NOT NULL,         -- Unix seconds
            ended_at REAL,
            words INTEGER NOT NULL DEFAULT 1, -- 0: what was said is not kept, or no longer
            metadata TEXT NOT NULL DEFAULT '{}',
            view TEXT NOT NULL DEFAULT '{}',  -- the session object of the API
            settings TEXT                     -- the effective Settings without secrets
        ) WITHOUT ROWID""",
        "CREATE INDEX runs_by_id ON runs (id, run_id)",
        "CREATE INDEX runs_by_end ON runs (ended_at)",
        """CREATE TABLE turns (
            run_id TEXT NOT NULL, n INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run_id, n)
        ) WITHOUT ROWID""",
        """CREATE TABLE events (
            run_id TEXT NOT NULL, seq INTEGER NOT NULL, g INTEGER NOT NULL, time TEXT NOT NULL, type TEXT NOT NULL,
            data TEXT NOT NULL, PRIMARY KEY (run_id, seq)
        ) WITHOUT ROWID""",
        """CREATE TABLE calls (
            run_id TEXT NOT NULL, turn INTEGER NOT NULL, position INTEGER NOT NULL, data TEXT NOT NULL,
            PRIMARY KEY (run_id, turn, position)
        ) WITHOUT ROWID""",
        """CREATE TABLE usage (
            day TEXT NOT NULL,                -- UTC
            agent TEXT NOT NULL, upstream TEXT NOT NULL,
            sessions INTEGER NOT NULL DEFAULT 0, connection_s REAL NOT NULL DEFAULT 0, audio_in_s REAL NOT NULL DEFAULT 0,
            audio_out_s REAL NOT NULL DEFAULT 0, turns INTEGER NOT NULL DEFAULT 0, function_calls INTEGER NOT NULL DEFAULT 0,
            renewals INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (day, agent, upstream)
        ) WITHOUT ROWID""",
        """CREATE TABLE function_values (
            file TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (file, key)
        ) WITHOUT ROWID""",
        "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ),
    ("ALTER TABLE runs ADD COLUMN resumed_from TEXT",),  # the run it went on from; what was said there is kept there alone
    ("CREATE TABLE plans (id TEXT PRIMARY KEY, run_id TEXT NOT NULL, due_at REAL NOT NULL, data TEXT NOT NULL) WITHOUT ROWID",),
)

VERSION: Final = len(MIGRATIONS)
"""The schema this program reads and writes."""


class FutureSchema(Exception):
    """The file was written by a newer agentd; nothing of it was touched."""


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of an open database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the database to ``VERSION``, in one transaction; an existing file is copied first, beside itself.

    Raises:
        FutureSchema: its version is newer than ours.
        sqlite3.Error: the migration failed; the file is as it was.
    """
    found = version_of(connection)
    if found > VERSION:
        raise FutureSchema(
            f"{path} has schema version {found}, and this agentd knows {VERSION}: it was written by a newer agentd. "
            "Start that one, or move the file away."
        )
    if found == VERSION:
        return
    if found > 0:
        copy = path.with_name(f"{path.name}.v{found}-{int(time.time())}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        _log.info("store_migrates", path=str(path), from_version=found, to_version=VERSION, copy=str(copy))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[found:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise
