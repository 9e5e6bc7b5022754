"""The one thread that writes: a bounded queue in front of it, a transaction per batch, and no wait for whoever feeds it.

Rows keep the order in which they were put. What fails because the disk is full, locked or gone stays in the queue and is
tried again; beyond the bound the oldest rows that may be lost give way and are counted.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog

from agentd.store.database import Database
from agentd.store.queue import Row, Statement, Task, Waiting
from agentd.store.schema import FutureSchema

_log = structlog.get_logger("agentd.store")
_T = TypeVar("_T")

MAX_BATCH: Final = 1000
"""Rows in one transaction."""
RETRY_S: Final = 1.0
"""How long a disk that failed is left alone; until then nobody waits for it."""
FLUSH_S: Final = 10.0
"""A commit that takes longer is not waited for: busy_timeout and a slow disk together."""

_FILE_FAULTS: Final = (sqlite3.OperationalError, sqlite3.InternalError, sqlite3.DatabaseError)
"""Exactly these say that the file or the disk is at fault; their kin (IntegrityError, DataError …) that the row is."""


class StoreUnavailable(Exception):
    """The disk does not take it; the text says why."""


@dataclass(slots=True)
class Counts:
    """What the metrics show."""

    written: int = 0
    invalid: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Waiter:
    ticket: int
    future: "asyncio.Future[bool]" = field(repr=False)


class Writer:
    """Feeds one database from one thread. All methods but the thread's own belong to the event loop.

    Args:
        database: the file.
        max_rows: rows that wait at most.
        batch_s: how long rows are gathered for one commit; a commit that is waited for begins at once.
        committed: told the seconds of each commit, on the writer's thread.

    Attributes:
        trouble: why the disk takes nothing now; None while it does.
    """

    def __init__(
        self, database: Database, *, max_rows: int, batch_s: float, committed: Callable[[float], None] = lambda _: None
    ) -> None:
        self.trouble: str | None = None
        self.counts = Counts()
        self._database = database
        self._batch_s = batch_s
        self._committed_in = committed
        self._connection: sqlite3.Connection | None = None
        self._queue = Waiting(max_rows)
        self._something = threading.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._stopping = False
        self._halt = threading.Event()
        self._done = 0
        self._waiters: deque[_Waiter] = deque()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def __len__(self) -> int:
        return len(self._queue)

    # life

    async def start(self) -> None:
        """Open the database and start the thread; a disk that fails is tried again later.

        Raises:
            FutureSchema: the file belongs to a newer agentd.
        """
        try:
            self._connection = await asyncio.to_thread(self._database.prepare)
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits, as far as the disk takes it, and close."""
        self._stopping = True
        self._halt.set()
        self._wake()
        await asyncio.to_thread(self._thread.join)
        self._settle()

    # what feeds it

    def put(self, write: Statement, *, droppable: bool = True) -> None:
        """Queue one row. Never waits."""
        self._append(Row(write, droppable))

    async def do(self, work: Callable[[sqlite3.Connection], _T], *, durable: bool = False, transaction: bool = True) -> _T:
        """Run ``work`` behind everything that was put before it, and return its result once it is committed.

        Raises:
            StoreUnavailable: the disk does not take it; nothing of ``work`` was kept.
        """
        if self._stopping:
            raise StoreUnavailable("the store is closed")
        if self.trouble is not None:
            raise StoreUnavailable(self.trouble)
        future: asyncio.Future[_T] = self._loop.create_future()
        self._append(Task(work, future, durable, transaction))
        self._wake()
        return await future

    async def flushed(self) -> bool:
        """Return once everything put so far is committed; False when the disk does not take it now."""
        ticket = self._queue.last
        if self._done >= ticket:
            return True
        if self.trouble is not None or self._stopping:
            return False
        waiter = _Waiter(ticket, self._loop.create_future())
        self._waiters.append(waiter)
        self._wake()
        try:
            async with asyncio.timeout(FLUSH_S):
                return await waiter.future
        except TimeoutError:
            return False

    @property
    def dropped(self) -> int:
        """Rows that were given up because too many waited."""
        return self._queue.dropped

    def _append(self, item: Row | Task) -> None:
        self._queue.put(item)
        if self._gathering is None:  # to wake a thread takes longer than all else that is done for a row
            self._gathering = self._loop.call_later(self._batch_s, self._wake)

    def _wake(self) -> None:
        """What was gathered is to be written now."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._something.set()

    # the thread

    def _run(self) -> None:
        while not self._stopping or self._queue:
            self._something.wait()
            self._something.clear()
            well = self._opened() and self._drained() and self._probed()
            self._tell()
            if not well:
                self._refuse_tasks(str(self.trouble))
                if self._stopping:
                    break
                self._halt.wait(RETRY_S)
                self._something.set()
        self._refuse_tasks("the store is closed")
        self._close()

    def _opened(self) -> bool:
        if self._connection is not None:
            return True
        try:
            self._connection = self._database.prepare()
        except (sqlite3.Error, OSError, FutureSchema) as error:
            self._failed(error)
            return False
        return True

    def _drained(self) -> bool:
        """Write everything that waits now. False when the disk failed."""
        while True:
            taken = self._queue.take(MAX_BATCH)
            if taken is None:
                self._done = self._queue.emptied
                return True
            if not (self._do(taken) if isinstance(taken, Task) else self._write_batch(taken)):
                return False
            self._tell()

    def _probed(self) -> bool:
        """After a failure: see whether the disk takes anything again."""
        if self.trouble is None:
            return True
        connection = self._writable()
        try:
            connection.execute("INSERT OR REPLACE INTO notes VALUES ('probe', ?)", (str(time.time()),))
        except sqlite3.Error as error:
            self._failed(error)
            return False
        self._succeeded()
        return True

    def _write_batch(self, batch: list[Row]) -> bool:
        began = time.monotonic()
        try:
            invalid = self._transaction(batch)
        except sqlite3.Error as error:
            self._failed(error)
            self._queue.give_back(batch)
            return False
        self._committed_in(time.monotonic() - began)
        self.counts.written += len(batch) - invalid
        self.counts.invalid += invalid
        self._done = batch[-1].ticket
        self._succeeded()
        return True

    def _transaction(self, batch: list[Row]) -> int:
        """Write the rows and commit; returns how many no database would take."""
        connection = self._writable()
        invalid = 0
        try:
            connection.execute("BEGIN IMMEDIATE")
            for row in batch:
                try:
                    row.write(connection)
                except Exception as error:
                    if type(error) in _FILE_FAULTS:
                        raise
                    invalid += 1
                    _log.exception("store_row_invalid")
            connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        return invalid

    def _do(self, task: Task) -> bool:
        """Do what somebody waits for. False when the disk failed; a fault of the work itself is the asker's."""
        connection = self._writable()
        began = time.monotonic()
        try:
            if task.durable:
                connection.execute("PRAGMA synchronous = FULL")
            if task.transaction:
                connection.execute("BEGIN IMMEDIATE")
            result = task.work(connection)
            if task.transaction:
                connection.execute("COMMIT")
            if task.durable:
                connection.execute("PRAGMA synchronous = NORMAL")
        except Exception as error:  # noqa: BLE001 - the guard: it goes to whoever asked for the work
            self._roll_back()
            self._done = task.ticket
            if not isinstance(error, sqlite3.Error):
                self._answer(task, error=error)
                return True
            self._failed(error)
            self._answer(task, error=StoreUnavailable(str(error)))
            return False
        self._committed_in(time.monotonic() - began)
        self._done = task.ticket
        self._succeeded()
        self._answer(task, result=result)
        return True

    def _writable(self) -> sqlite3.Connection:
        if self._connection is None:
            raise AssertionError("the database is open while rows are written")
        return self._connection

    def _roll_back(self) -> None:
        connection = self._writable()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            _log.warning("store_rollback_failed", error=str(error))

    def _refuse_tasks(self, reason: str) -> None:
        for task in self._queue.tasks():
            self._answer(task, error=StoreUnavailable(reason))

    def _succeeded(self) -> None:
        if self.trouble is not None:
            _log.info("store_recovered", path=str(self._database.path))
            self.trouble = None

    def _failed(self, error: Exception) -> None:
        self.counts.failures += 1
        if self.trouble is None:
            _log.error("store_failed", path=str(self._database.path), error=str(error))
        self.trouble = str(error)
        if self._connection is not None and not _passes(error):
            self._connection.close()
            self._connection = None

    def _close(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                _log.warning("store_checkpoint_failed", error=str(error))
            self._connection.close()

    # back to the loop

    def _answer(self, task: Task, *, result: Any = None, error: Exception | None = None) -> None:
        def settle() -> None:
            if task.future.done():
                return
            if error is not None:
                task.future.set_exception(error)
            else:
                task.future.set_result(result)

        self._loop.call_soon_threadsafe(settle)

    def _tell(self) -> None:
        if self._waiters:
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        """Release who waits for a commit that has happened, or will not happen soon."""
        gone = self.trouble is not None or not self._thread.is_alive()
        while self._waiters and (gone or self._waiters[0].ticket <= self._done):
            waiter = self._waiters.popleft()
            if not waiter.future.done():
                waiter.future.set_result(waiter.ticket <= self._done)


def _passes(error: Exception) -> bool:
    """True for what passes by itself with the same connection: locked, full. Anything else is opened and checked anew."""
    return isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorname", "").startswith(
        ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL")
    )
