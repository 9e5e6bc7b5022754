"""Writing recordings: how much may be recorded, and the one thread that touches the disk for all of them."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from agentd.audio.formats import AudioFormat
from agentd.audio.tape_file import TapeWriter
from agentd.config import StoreSettings
from agentd.supervise import Nursery

_ResultT = TypeVar("_ResultT")

SUFFIX: Final = ".wav"
_DAY_S: Final = 86_400


class NoRoom(Exception):
    """Nothing more may be recorded.

    Attributes:
        reason: ``daily-limit`` or ``disk-full``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tapes:
    """Every recording that is being written. What becomes of finished ones is the store's (``store/recordings.py``).

    Args:
        folder: where they go; made when the first one begins.
        settings: whether and how much is recorded.
        wall: Unix seconds.

    Attributes:
        tasks: what writes; a session that ends waits for its own.
        written_bytes: since the daemon started, for the metrics.
    """

    def __init__(self, folder: Path, settings: StoreSettings, *, wall: Callable[[], float] = time.time) -> None:
        self.tasks = Nursery()
        self.written_bytes = 0
        self._folder = folder
        self._settings = settings
        self._wall = wall
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="agentd-tapes")
        self._day = -1
        self._day_bytes = 0

    def wanted(self, asked: bool | None) -> bool:  # noqa: FBT001 - three-valued, as it stands in the request
        """Whether a session whose start said ``asked`` is recorded."""
        return self._settings.record_audio if asked is None else asked

    async def begin(self, run_id: str, user: AudioFormat, agent: AudioFormat, *, started: str) -> TapeWriter:
        """A new recording.

        Raises:
            NoRoom, OSError: it cannot be written.
        """

        def make() -> TapeWriter:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room()
            return TapeWriter(self._path(run_id), user, agent, started=started)

        return await self._in_thread(make)

    async def write(self, writer: TapeWriter, user: bytes, agent: bytes) -> None:
        """Add to a recording.

        Raises:
            NoRoom, OSError: it cannot be written; what was written before stays.
        """

        def add() -> None:
            self._check_room()
            self._count(writer.write(user, agent))

        await self._in_thread(add)

    async def finish(self, writer: TapeWriter) -> None:
        """Complete a recording.

        Raises:
            OSError: it could not be completed; what was written before stays.
        """
        await self._in_thread(lambda: self._count(writer.close()))

    async def close(self) -> None:
        """End what writes; what the thread is at comes to its end."""
        await self.tasks.close()
        await asyncio.to_thread(self._thread.shutdown)

    # in the thread

    def _check_room(self) -> None:
        day = int(self._wall() // _DAY_S)
        if day != self._day:
            self._day = day
            sizes = [stat.st_size for path in self._files() if int((stat := path.stat()).st_mtime // _DAY_S) == day]
            self._day_bytes = sum(sizes)
        if self._day_bytes >= self._settings.recording_bytes_per_day:
            raise NoRoom("daily-limit")
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._settings.recording_free_bytes:
            raise NoRoom("disk-full")

    def _count(self, n_bytes: int) -> None:
        self.written_bytes += n_bytes
        self._day_bytes += n_bytes

    def _files(self) -> list[Path]:
        return [path for path in self._folder.glob("*" + SUFFIX) if path.is_file()] if self._folder.is_dir() else []

    def _path(self, run_id: str) -> Path:
        return self._folder / (run_id + SUFFIX)

    async def _in_thread(self, work: Callable[[], _ResultT]) -> _ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
