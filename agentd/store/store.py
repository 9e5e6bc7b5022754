"""The store: what the daemon remembers beyond its memory and its life, in one SQLite file below the state folder.

Writing is queued and never waits; whoever promises something first awaits ``flushed``. Reading runs in threads with
connections of their own. A disk that fails costs memories, never a conversation.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from agentd.config import StoreSettings
from agentd.hub import Envelope
from agentd.store import erase, rows, usage, values
from agentd.store.database import Database
from agentd.store.recordings import Recordings
from agentd.store.retention import Retention
from agentd.store.rows import RunRow
from agentd.store.writer import StoreUnavailable, Writer
from agentd.supervise import Nursery

_log = structlog.get_logger("agentd.store")
_T = TypeVar("_T")

FILE: Final = "store.db"
READERS: Final = 2
"""Threads that read."""
PURGE_S: Final = 5.0
"""How long a purge tries to empty the log while another process reads it."""


class Store:
    """The memory of one daemon.

    Args:
        state_dir: ``store.db`` and ``recordings/`` lie below it.
        settings: ``[store]``.
        committed: told the seconds of each commit, on the writer's thread.

    Attributes:
        recordings: finds the recordings of runs.
    """

    def __init__(
        self,
        state_dir: Path,
        settings: StoreSettings,
        *,
        committed: Callable[[float], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.database = Database(state_dir / FILE)
        self.recordings = Recordings(state_dir / "recordings")
        self.writer = Writer(self.database, max_rows=settings.queue_rows, batch_s=settings.batch_s, committed=committed)
        self.retention = Retention(settings, self.database, self.writer, self.recordings, wall=wall, monotonic=monotonic)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._connections: set[sqlite3.Connection] = set()
        self._nursery = Nursery()
        self._scrubbing = asyncio.Lock()
        self._purged = self._scrubbed = 0

    # life

    async def start(self) -> None:
        """Open the file and begin to write and to forget.

        Raises:
            FutureSchema: the file belongs to a newer agentd.
        """
        await self.writer.start()
        self._nursery.start(self.retention.run(), name="store:retention")

    async def stop(self) -> None:
        """Write what waits and close."""
        await self._nursery.close()
        await self.writer.stop()
        await asyncio.to_thread(self._readers.shutdown, cancel_futures=True)
        for connection in self._connections:
            connection.close()

    async def flushed(self) -> bool:
        """Return once everything written so far is committed; False when the disk does not take it now."""
        return await self.writer.flushed()

    def status(self) -> dict[str, Any]:
        """For ``/readyz``: ``ok``, or ``degraded`` with the reason."""
        trouble = self.writer.trouble
        status: dict[str, Any] = {"state": "ok" if trouble is None and self.database.put_aside is None else "degraded"}
        if trouble is not None:
            status["reason"] = trouble
        if self.database.put_aside is not None:
            status["corrupt_file"] = str(self.database.put_aside)
        return status | {"waiting_rows": len(self.writer), "dropped_rows": self.writer.dropped}

    def figures(self) -> dict[str, float]:
        """For the metrics."""
        counts = self.writer.counts
        return {
            "up": float(self.writer.trouble is None),
            "waiting_rows": len(self.writer),
            "written_rows": counts.written,
            "dropped_rows": self.writer.dropped + counts.invalid,
            "file_bytes": self.database.size_bytes(),
        }

    # writing: queued, never waits

    def put_run(self, row: RunRow) -> None:
        """Insert or update a run; not given up when the queue is full."""
        self.writer.put(lambda connection: rows.write_run(connection, row), droppable=False)

    def put_event(self, event: Envelope) -> None:
        """Keep an event."""
        self.writer.put(lambda connection: rows.write_event(connection, event, words=self.settings.transcripts))

    def put_turn(self, run_id: str, n: int, view: Mapping[str, Any]) -> None:
        """Insert or replace a turn."""
        self.writer.put(lambda connection: rows.write_turn(connection, run_id, n, view))

    def put_call(self, run_id: str, turn: int, position: int, view: Mapping[str, Any]) -> None:
        """Insert or replace the call at ``position`` of a turn; not given up when the queue is full."""
        self.writer.put(lambda connection: rows.write_call(connection, run_id, turn, position, view), droppable=False)

    def add_usage(self, day: str, agent: str, upstream: str, more: Mapping[str, float]) -> None:
        """Add to the sums of a UTC day (``usage.SUMS``); not given up when the queue is full."""
        self.writer.put(lambda connection: usage.add(connection, day, agent, upstream, more), droppable=False)

    def put_note(self, name: str, value: str) -> None:
        """Keep a value of the daemon's own."""
        self.writer.put(lambda connection: rows.write_note(connection, name, value))

    # reading: in a thread; what cannot be read is not there

    async def run(self, run_id: str) -> RunRow | None:
        """The run of that run id."""
        return await self._read(lambda connection: rows.run(connection, run_id), None)

    async def latest(self, id_: str) -> RunRow | None:
        """The newest run of that session id."""
        return await self._read(lambda connection: rows.latest(connection, id_), None)

    async def live(self) -> list[RunRow]:
        """Runs without an end."""
        return await self._read(rows.live, [])

    async def ended(
        self,
        *,
        agents: Collection[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        before: str | None = None,
        limit: int,
    ) -> list[RunRow]:
        """Ended runs that fit, the newest first; ``before`` is the run id to go on behind."""
        wanted = metadata or {}
        return await self._read(
            lambda connection: rows.ended(connection, agents=agents, metadata=wanted, before=before, limit=limit), []
        )

    async def note(self, name: str) -> str | None:
        """A value of the daemon's own."""
        return await self._read(lambda connection: rows.note(connection, name), None)

    async def turns(self, run_id: str) -> list[dict[str, Any]]:
        """The turns of a run, oldest first."""
        return await self._read(lambda connection: rows.turns(connection, run_id), [])

    async def turn(self, run_id: str, n: int) -> dict[str, Any] | None:
        """The turn with that number, as it was written."""
        return await self._read(lambda connection: rows.turn(connection, run_id, n), None)

    async def calls(self, run_id: str) -> list[dict[str, Any]]:
        """The calls of a run, oldest first."""
        return await self._read(lambda connection: rows.calls(connection, run_id), [])

    async def events(self, session_id: str, run_id: str, *, after: int, limit: int, until: int | None = None) -> list[Envelope]:
        """Events of a run with ``after < seq < until``, oldest first, at most ``limit``."""
        return await self._read(
            lambda connection: rows.events(connection, session_id, run_id, after=after, limit=limit, until=until), []
        )

    async def last_event(self, run_id: str) -> tuple[int, str] | None:
        """Number and time of the newest event of a run."""
        return await self._read(lambda connection: rows.last_event(connection, run_id), None)

    async def usage(
        self,
        *,
        by: Sequence[usage.By],
        first: str | None = None,
        last: str | None = None,
        agents: Collection[str] | None = None,
    ) -> list[dict[str, Any]]:
        """The sums by ``by``, from the day ``first`` to the day ``last``; without ``by`` one line."""
        nothing = [] if by else [usage.line((), [0] * len(usage.SUMS))]
        return await self._read(lambda connection: usage.table(connection, by=by, first=first, last=last, agents=agents), nothing)

    # what must not be forgotten: on the disk before it is acknowledged

    async def keep_note(self, name: str, value: str) -> None:
        """Keep a value of the daemon's own, and return once it survives a loss of power.

        Raises:
            StoreUnavailable: the disk does not take it.
        """
        await self.writer.do(lambda connection: rows.write_note(connection, name, value), durable=True)

    async def kept_note(self, name: str) -> str | None:
        """A value of the daemon's own.

        Raises:
            StoreUnavailable: the file cannot be read now.
        """
        return await self.read(lambda connection: rows.note(connection, name))

    # handlers' values: on the disk before they are acknowledged

    async def values(self, file: str) -> dict[str, Any]:
        """The values of a handler file.

        Raises:
            StoreUnavailable: they cannot be read now.
        """
        return await self.read(lambda connection: values.load(connection, file))

    async def change_values(self, file: str, changed: Mapping[str, Any], delete: Collection[str] = ()) -> None:
        """Set and delete, all or nothing, and return once it survives a loss of power.

        Raises:
            StoreUnavailable: the disk does not take it; the values are as they were.
        """
        await self.writer.do(lambda connection: values.change(connection, file, changed, delete), durable=True)

    async def take_over_values(self, file: str, older: Mapping[str, Any]) -> None:
        """Take over what an earlier version kept elsewhere; the second time nothing happens.

        Raises:
            StoreUnavailable: the disk does not take it.
        """
        await self.writer.do(lambda connection: values.take_over(connection, file, older), durable=True)

    async def _read(self, work: Callable[[sqlite3.Connection], _T], nothing: _T) -> _T:
        try:
            return await self.read(work)
        except StoreUnavailable as error:
            _log.warning("store_not_read", error=str(error))
            return nothing

    async def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run ``work`` on a reader.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._with_reader, work)

    def _with_reader(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            generation = self.database.generation
            generation_before = getattr(self._local, "generation", None)
            if generation_before != generation:
                if generation_before is not None:
                    self._forget()
                self._local.connection = self.database.reader()
                self._connections.add(self._local.connection)
                self._local.generation = generation
            return work(self._local.connection)
        except sqlite3.Error as error:
            self._forget()
            raise StoreUnavailable(str(error)) from error
        finally:
            if self.writer.trouble is not None:
                self._forget()  # a reader that opened the file on a read-only disk keeps it so for the writer too

    def _forget(self) -> None:
        """The next read of this thread opens the file anew."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._connections.discard(connection)
            connection.close()
        self._local.connection = self._local.generation = None

    # erasing

    async def purge(self, run_id: str) -> None:
        """Erase a run: rows, recording, and every trace of it in files. Its two ids stay.

        Raises:
            StoreUnavailable: the disk does not allow it now, or another process reads the file; call again.
        """
        await asyncio.to_thread(self.recordings.erase, run_id)
        await asyncio.to_thread(erase.erase_set_aside, self.database.set_aside(), run_id)
        await self.writer.do(lambda connection: erase.purge(connection, run_id), durable=True)
        self._purged += 1
        mine = self._purged
        async with self._scrubbing:
            if self._scrubbed < mine:  # else another purge's scrub, begun after this one's rows were gone, did it
                covers = self._purged
                await self._scrub()
                self._scrubbed = covers

    async def _scrub(self) -> None:
        await self.writer.do(erase.vacuum, transaction=False)
        try:
            async with asyncio.timeout(PURGE_S):
                while not await self.writer.do(erase.empty_log, transaction=False):  # noqa: ASYNC110 - SQLite tells nobody
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise StoreUnavailable(
                "The run is erased, but another process reads the database and keeps its log from being emptied. "
                "End that process, then purge again."
            ) from None
