"""Forgetting in time: once an hour, in small steps, and never because a clock jumped.

What is old is judged by the wall clock, so the wall clock is judged first: where it moved by more than an hour against the
monotonic one, nothing is deleted until it has been steady for a while.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from agentd.config import StoreSettings
from agentd.store import erase
from agentd.store.database import Database
from agentd.store.recordings import Recordings
from agentd.store.writer import StoreUnavailable, Writer

_log = structlog.get_logger("agentd.store")

SWEEP_S: Final = 3600.0
JUMP_S: Final = 3600.0
"""A wall clock that gains or loses more than this between two looks has jumped."""
BOOT_S: Final = 600.0
"""Machines without a clock of their own set it over the network within this time."""
REST_S: Final = 86_400.0
"""After a jump nothing is deleted for a day, so that somebody may notice."""
PAUSE_S: Final = 0.02
"""Between two steps: others write, too."""
SCRUB_S: Final = 86_400.0
"""The file is written anew so often after something was deleted; see ``erase``."""
_DAY_S: Final = 86_400.0


class Retention:
    """Deletes what is older than the configuration says.

    Args:
        wall: Unix seconds; monotonic: seconds that never jump.

    Attributes:
        also: others that forget; told the time in Unix seconds at every sweep.
    """

    def __init__(
        self,
        settings: StoreSettings,
        database: Database,
        writer: Writer,
        recordings: Recordings,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.also: list[Callable[[float], Awaitable[object]]] = []
        self._settings = settings
        self._database = database
        self._writer = writer
        self._recordings = recordings
        self._wall = wall
        self._monotonic = monotonic
        self._began = monotonic()
        self._seen = (wall(), self._began)
        self._rest_until = self._began
        self._scrubbed = self._began - SCRUB_S
        self._unclean = False

    async def run(self) -> None:
        """Sweep every hour, until cancelled; the clock is looked at every minute."""
        due = self._monotonic() + SWEEP_S
        while True:
            await asyncio.sleep(60.0)
            self.look()
            if self._monotonic() >= due:
                due = self._monotonic() + SWEEP_S
                try:
                    await self.sweep()
                except (StoreUnavailable, OSError) as error:
                    _log.warning("retention_failed", error=str(error))

    def look(self) -> bool:
        """Compare the clocks; True when the wall clock can be trusted."""
        wall, now = self._wall(), self._monotonic()
        jump = (wall - self._seen[0]) - (now - self._seen[1])
        self._seen = (wall, now)
        if abs(jump) > JUMP_S:
            rest = SWEEP_S if now - self._began < BOOT_S else REST_S
            self._rest_until = now + rest
            _log.warning("clock_jumped", jump_s=round(jump), nothing_deleted_for_s=rest)
        return now >= self._rest_until

    async def sweep(self) -> int:
        """Delete what is due and empty the log. Returns how many runs, words of runs, recordings and files went.

        Raises:
            StoreUnavailable: the disk takes nothing now.
        """
        if not self.look():
            return 0
        now = self._wall()
        deleted = await self._words(now - self._settings.transcript_days * _DAY_S)
        deleted += await self._runs(now - self._settings.run_days * _DAY_S)
        deleted += await asyncio.to_thread(self._files, now)
        for forget in self.also:
            await forget(now)
        self._unclean = self._unclean or deleted > 0
        if self._unclean and self._monotonic() - self._scrubbed >= SCRUB_S:
            await self._writer.do(erase.vacuum, transaction=False)
            self._scrubbed, self._unclean = self._monotonic(), False
        if not await self._writer.do(erase.empty_log, transaction=False):
            _log.warning("store_log_not_emptied", reason="another process reads the database")
        if deleted:
            _log.info("retention_swept", deleted=deleted)
        return deleted

    async def _words(self, ended_before: float) -> int:
        count = 0
        while True:
            run_id = await self._writer.do(
                lambda connection: connection.execute(
                    "SELECT run_id FROM runs WHERE words = 1 AND state = 'ended' AND ended_at < ? LIMIT 1", (ended_before,)
                ).fetchone()
            )
            if run_id is None:
                return count
            await self._forget_words(str(run_id[0]))
            count += 1

    async def _forget_words(self, run_id: str) -> None:
        while not await self._writer.do(lambda connection: erase.forget_words(connection, run_id)):  # noqa: ASYNC110 - a pause between steps, no wait for anything
            await asyncio.sleep(PAUSE_S)

    async def _runs(self, ended_before: float) -> int:
        count = 0
        while step := await self._writer.do(lambda connection: erase.forget_runs(connection, ended_before)):
            count += step
            await asyncio.sleep(PAUSE_S)
        return count

    def _files(self, now: float) -> int:
        """Recordings and files put aside, by the time of their last byte."""
        count = 0
        old = [(path, self._settings.recording_days) for _, path in self._recordings.all()]
        old += [(path, self._settings.transcript_days) for path in self._database.set_aside()]
        for path, days in old:
            if path.stat().st_mtime < now - days * _DAY_S:
                path.unlink(missing_ok=True)
                count += 1
        return count
