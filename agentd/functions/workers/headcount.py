"""How many processes the workers have started, and the end of those that have started too many.

They are counted from outside, by their group: RLIMIT_NPROC counts all processes and threads of the user, so what it would
refuse a handler depends on what else that user runs. What leaves its group is not counted, and what is started between two
counts not yet: there the service manager's bound holds (TasksMax).
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

import structlog

from agentd.functions.workers.process import WorkerProcess

EVERY_S: Final = 0.25

_log = structlog.get_logger("agentd.functions")


class Headcount:
    """Counts while a worker has something to do, or something of it runs.

    Args:
        workers: those there are now.
        most: processes that a worker may have started and that still run.
    """

    def __init__(self, workers: Callable[[], Collection[WorkerProcess]], *, most: int) -> None:
        self._workers = workers
        self._most = most
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A worker gets something to do."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._count)

    def close(self) -> None:
        """Count no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _count(self) -> None:
        self._timer = None
        sizes = group_sizes()
        for worker in self._workers():
            started = sizes[worker.pid] - 1
            if worker.pid and started > self._most:
                _log.error("function_worker_processes", file=worker.file.name, pid=worker.pid, started=started, most=self._most)
                worker.kill("processes")
            if worker.busy or started > 0:
                self.begin()


def group_sizes() -> Counter[int]:
    """The number of processes in each process group."""
    names = os.listdir("/proc")  # noqa: PTH208 - a tenth of what pathlib takes
    return Counter(_group(int(name)) for name in names if name.isdigit())


def _group(pid: int) -> int:
    """Its group; 0 when it is gone already, or belongs to somebody else who hides it."""
    try:
        return os.getpgid(pid)
    except OSError:
        return 0
