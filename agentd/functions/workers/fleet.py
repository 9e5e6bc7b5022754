"""The worker processes of one set of handler files: kept warm, one call at a time each, never more than the limit.

A file's worker is started when the file is loaded and stays. Calls at the same time get workers of their own; two stay per
file, the others while such calls keep coming. When all places are taken, the worker idle for longest gives way.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from agentd.functions.workers.files import HandlerFile
from agentd.functions.workers.headcount import Headcount
from agentd.functions.workers.process import Confinement, WorkerGone, WorkerProcess
from agentd.functions.workers.wire import WorkerEnd
from agentd.supervise import Nursery

WARM_PER_FILE: Final = 2
SPARE_S: Final = 60.0
"""How long further ones wait for work: a start takes longer than most calls, and what came together comes together again."""

_log = structlog.get_logger("agentd.functions")


class Fleet:
    """Workers, lent out for one call each.

    Args:
        size: most processes at once; at least the calls that run at once.
        worker_calls: a worker is replaced after so many.
        config: the table of each file, by the file's name.
        nursery: owns what goes on in the background.
        ended: told why a process ended.
    """

    def __init__(
        self,
        *,
        size: int,
        worker_calls: int,
        confinement: Confinement,
        config: Mapping[str, Mapping[str, Any]],
        nursery: Nursery,
        ended: Callable[[WorkerEnd], None] = lambda _: None,
    ) -> None:
        self._size = size
        self._worker_calls = worker_calls
        self._confinement = confinement
        self._config = config
        self._nursery = nursery
        self._ended = ended
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._idle_since: dict[WorkerProcess, float] = {}
        self._thinning: asyncio.TimerHandle | None = None
        self._freed = asyncio.Event()
        self._headcount = Headcount(lambda: self._workers, most=confinement.processes)
        self._retired = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._workers)

    async def load(self, file: HandlerFile) -> dict[str, Any]:
        """What the file offers, as its worker says; the worker stays warm if there is something to call.

        Raises:
            WorkerGone: the file keeps its worker from starting; the text says how.
        """
        worker = await self._place(file, describe=True)
        ready = worker.ready or {}
        if not ready.get("functions"):
            worker.kill("unused")
        self.release(worker)
        return ready

    async def acquire(self, file: HandlerFile) -> WorkerProcess:
        """A worker for one call; give it back with ``release`` or ``cut_short``.

        Raises:
            WorkerGone: none could be started, or the fleet is closed.
        """
        return await self._place(file, describe=False)

    async def _place(self, file: HandlerFile, *, describe: bool) -> WorkerProcess:
        while True:
            for worker in () if describe else reversed(self._idle):
                if worker.file == file:
                    self._idle.remove(worker)
                    self._headcount.begin()
                    return worker
            if len(self._workers) < self._size:
                return await self._start(file, describe=describe)
            if self._idle:
                self._idle.pop(0).kill("unused")
            self._freed.clear()
            await self._freed.wait()

    def release(self, worker: WorkerProcess) -> None:
        """Its call is over."""
        if worker.exit is not None:
            return
        renew = worker.calls >= self._worker_calls
        if self._retired or worker.spent or renew:
            worker.kill("renewed" if renew else "unused")
            return
        self._idle.append(worker)
        self._idle_since[worker] = asyncio.get_running_loop().time()
        self._freed.set()
        if self._thinning is None and sum(idle.file == worker.file for idle in self._idle) > WARM_PER_FILE:
            self._thinning = asyncio.get_running_loop().call_later(SPARE_S, self._thin)

    def _thin(self) -> None:
        """End the workers nobody needed for a while, but for two of each file."""
        now = asyncio.get_running_loop().time()
        left = Counter(worker.file for worker in self._idle)
        for worker in tuple(self._idle):  # the one idle for longest comes first
            if left[worker.file] > WARM_PER_FILE and now - self._idle_since[worker] >= SPARE_S:
                left[worker.file] -= 1
                self._idle.remove(worker)
                worker.kill("unused")
        more = any(count > WARM_PER_FILE for count in left.values())
        self._thinning = asyncio.get_running_loop().call_later(SPARE_S / 4, self._thin) if more else None

    def prepare(self, file: HandlerFile) -> None:
        """A call of the file is about to pass its time: the next one shall not wait for a process to start."""
        if not self._retired and len(self._workers) < self._size and not any(worker.file == file for worker in self._idle):
            self._nursery.start(self._warm(file), name=f"functions:{file.name}:warm")

    def cut_short(self, worker: WorkerProcess, why: WorkerEnd) -> None:
        """Its call was settled without it: see that the handler stops, in the background."""

        async def stand_down() -> None:
            await worker.stand_down(why)
            self.release(worker)

        self._nursery.start(stand_down(), name=f"functions:{worker.file.name}:stand-down")

    async def close(self, *, bound_s: float = 2.0) -> None:
        """End every process and wait until they are gone."""
        self.retire()
        self._closed = True
        self._freed.set()
        workers = tuple(self._workers)
        for worker in workers:
            worker.kill("unused")
        for worker in workers:
            await worker.gone(bound_s=bound_s)
        self._headcount.close()

    def retire(self) -> None:
        """Another fleet takes over: calls under way may end, and their workers end with them."""
        self._retired = True
        if self._thinning is not None:
            self._thinning.cancel()
        for worker in self._idle:
            worker.kill("unused")

    async def _start(self, file: HandlerFile, *, describe: bool = False) -> WorkerProcess:
        if self._closed:
            raise WorkerGone("no more calls are taken")
        worker = WorkerProcess(file, nursery=self._nursery, on_exit=self._gone)
        self._workers.add(worker)
        self._headcount.begin()
        try:
            await worker.start(self._confinement, self._config.get(file.name, {}), describe=describe)
        except BaseException:
            if worker.pid == 0:
                self._gone(worker)
            raise
        return worker

    def _gone(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        self._idle_since.pop(worker, None)
        self._ended(worker.ended_by or "other")
        if worker in self._idle:
            self._idle.remove(worker)
        self._freed.set()
        # A call costs a start when nothing is warm, so what ended in use is replaced before it is missed.
        in_use = worker.calls > 0 and not any(other.file == worker.file for other in self._workers)
        if in_use and not self._retired and len(self._workers) < self._size:
            self._nursery.start(self._warm(worker.file), name=f"functions:{worker.file.name}:warm")

    async def _warm(self, file: HandlerFile) -> None:
        try:
            self.release(await self._start(file))
        except WorkerGone as gone:
            _log.warning("function_worker_failed", file=file.path.name, reason=str(gone))
