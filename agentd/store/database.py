"""The database file: opened with the right switches, checked, and put aside when it is corrupt."""

import sqlite3
import time
from pathlib import Path
from typing import Final

import structlog

from agentd.store.schema import FutureSchema, migrate

_log = structlog.get_logger("agentd.store")

BUSY_TIMEOUT_S: Final = 5.0
"""How long a statement waits for another process that holds the file."""
JOURNAL_BYTES: Final = 64 * 1024 * 1024
"""The write-ahead log is cut back to this size after a checkpoint."""


class Database:
    """One SQLite file.

    Args:
        path: made when it is not there, readable by this user alone.

    Attributes:
        put_aside: where a corrupt file was moved by ``prepare``; None when there was none.
        generation: counts how often the file was opened for writing; readers of an older one open it anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.put_aside: Path | None = None
        self.generation = 0

    def prepare(self) -> sqlite3.Connection:
        """Open for writing: check, heal, migrate. Blocks; runs on the writer's thread.

        Raises:
            FutureSchema: the file belongs to a newer agentd.
            sqlite3.Error, OSError: the disk does not allow it now.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return self._open()
        except sqlite3.OperationalError:
            raise  # locked, full, read-only: the file may be well
        except sqlite3.DatabaseError as error:
            self._put_aside(error)
            return self._open()

    def reader(self) -> sqlite3.Connection:
        """A connection that only reads, for a thread of its own.

        Raises:
            sqlite3.Error: the file cannot be opened.
        """
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_S,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only = ON")
        return connection

    def size_bytes(self) -> int:
        """The file and its write-ahead log."""
        total = 0
        for name in (self.path.name, self.path.name + "-wal"):
            try:
                total += self.path.with_name(name).stat().st_size
            except OSError:
                continue
        return total

    def set_aside(self) -> list[Path]:
        """Files beside it that may hold what it held: copies from before a migration, corrupt ones put aside."""
        found = [*self.path.parent.glob(f"{self.path.name}.v*-*"), *self.path.parent.glob(f"{self.path.name}*.corrupt-*")]
        return sorted(found)

    def _open(self) -> sqlite3.Connection:
        self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"quick_check: {verdict}")
            migrate(connection, self.path)
        except (sqlite3.Error, FutureSchema, OSError):
            connection.close()
            raise
        self.generation += 1
        return connection

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        stamp = int(time.time())
        for name in (self.path.name, self.path.name + "-wal"):
            file = self.path.with_name(name)
            if file.exists():
                aside = file.with_name(f"{name}.corrupt-{stamp}")
                file.rename(aside)
                self.put_aside = self.put_aside or aside
        self.path.with_name(self.path.name + "-shm").unlink(missing_ok=True)
        _log.error("store_corrupt", path=str(self.path), kept_as=str(self.put_aside), error=str(error))
