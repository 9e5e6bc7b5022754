"""The one thread that writes: many lines in one go, and who waits for a line is told once it is on the disk.

Where the disk takes nothing, lines wait in a bounded queue; what had to be given up is counted, in the file too. The disk is
tried again every second.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from agentd.clock import rfc3339
from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import AuditFile

GATHER_S: Final = 0.02
"""Lines that nobody waits for are gathered for so long: what a crash may cost."""
LAZY_S: Final = 0.2
"""How long such a line may be without its sync: what a loss of power may cost."""
RETRY_S: Final = 1.0
"""How long a disk that failed is left alone."""
PATIENCE_S: Final = 5.0
"""A disk that takes longer has failed."""
MAX_BATCH: Final = 1000
"""Lines written in one go."""
_OPENING: Final = frozenset({"start", "reopened", "turnover"})
"""Lines that tell what was found when the file was opened; any other gets one of them before it."""

_log = structlog.get_logger("agentd.audit")


@dataclass(slots=True)
class Line:
    """What waits to be written.

    Attributes:
        make: its members but for the first ones; called by the thread, which has the time.
        at: Unix seconds.
        written: set to whether it is on the disk; None when nobody waits.
        otherwise: what is told instead of False.
    """

    kind: str
    make: Callable[[], Mapping[str, Any]]
    at: float
    written: "asyncio.Future[bool] | None" = None
    otherwise: bool = False

    def entry(self) -> dict[str, Any]:
        """The line without its number and the hash before it; members that are None are left out."""
        told = {name: value for name, value in self.make().items() if value is not None}
        return {"time": rfc3339(self.at), "kind": self.kind, **told}

    def add(self, members: Mapping[str, Any]) -> None:
        """Let it say this too."""
        told = self.make()
        self.make = lambda: {**told, **members}

    def settle(self, *, written: bool) -> None:
        """Tell who waits, unless that was done."""
        if self.written is not None and not self.written.done():
            self.written.set_result(written or self.otherwise)


class Writer:
    """Appends lines to one file. All methods but the thread's own belong to the event loop.

    Args:
        most: lines that wait at most; beyond, the oldest are given up.
        failed: told of every time the disk did not take it, on the thread.
        synced: told when there is a newer line on the disk.

    Attributes:
        trouble: why the disk takes nothing now; None while it does.
        written, dropped: lines, so far.
    """

    def __init__(
        self, file: AuditFile, *, most: int, failed: Callable[[], None] = lambda: None, synced: Callable[[], None] = lambda: None
    ) -> None:
        self.trouble: str | None = None
        self.written = self.dropped = 0
        self._file = file
        self._most = most
        self._failed_in = failed
        self._synced = synced
        self._known = Head()
        self._waiting: deque[Line] = deque()
        self._taken: list[Line] = []  # the thread's: not yet known to be on the disk
        self._in_file = 0  # how many of them are in the file already
        self._told_dropped = 0
        self._found: Mapping[str, Any] = {}
        self._something = threading.Event()
        self._halt = threading.Event()
        self._stopping = False
        self._gathering: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._taken)

    @property
    def takes(self) -> bool:
        """Whether it makes sense to wait for a line."""
        return self.trouble is None and not self._stopping

    def start(self, known: Head) -> None:
        """Begin to write behind the line ``known``; a disk that fails is tried again later."""
        self._known = known
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits, as far as the disk takes it, and close."""
        self._stopping = True
        self._halt.set()
        self._wake()
        await asyncio.to_thread(self._thread.join, PATIENCE_S)

    def put(self, line: Line) -> None:
        """Write it soon; at once if somebody waits for it, who waits for a bounded time."""
        self._waiting.append(line)
        while len(self._waiting) > self._most:
            with contextlib.suppress(IndexError):  # the thread may have been here in between
                lost = self._waiting.popleft()
                self.dropped += 1
                lost.settle(written=False)
        if line.written is not None:
            late = self._loop.call_later(PATIENCE_S, self._late, line)
            line.written.add_done_callback(lambda _: late.cancel())
            self._wake()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_S, self._wake)

    def _wake(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._something.set()

    def _late(self, line: Line) -> None:
        if line.written is not None and not line.written.done():
            self._in_trouble(f"nothing was written within {PATIENCE_S:g} s")
            line.settle(written=False)

    # the thread

    def _run(self) -> None:
        due: float | None = None
        while True:
            self._something.wait(None if due is None else max(0.0, due - time.monotonic()))
            self._something.clear()
            stopping = self._stopping
            try:
                due = self._write(due, hurry=stopping)
            except OSError as error:
                due = None
                self._give_up(error)
                if not stopping:
                    self._halt.wait(RETRY_S)
                    self._something.set()
            if stopping and (self.trouble is not None or not self._waiting):
                break
        self._file.close()

    def _write(self, due: float | None, *, hurry: bool) -> float | None:
        """Write what waits, and sync it if somebody waits for it or it has waited for long; when to sync it otherwise."""
        while self._more():
            new = self._taken[self._in_file :]
            if new[0].kind == "turnover":
                self._sync()
                new[0].add(self._file.turn_over())
            new = new[: next((i for i, line in enumerate(new[1:], 1) if line.kind == "turnover"), len(new))]
            self._file.append(line.entry() for line in new)
            self._in_file += len(new)
            if len(self._taken) >= MAX_BATCH or any(line.written is not None for line in new):
                self._sync()
        if not self._taken:
            return None
        due = time.monotonic() + LAZY_S if due is None else due
        if hurry or time.monotonic() >= due:
            self._sync()
            return None
        return due

    def _more(self) -> bool:
        """Take lines, and say whether there are some to write; sees to it that they go where the chain is."""
        while self._waiting and len(self._taken) < MAX_BATCH:
            self._taken.append(self._waiting.popleft())
        dropped = self.dropped
        if dropped > self._told_dropped:
            lost = dropped - self._told_dropped
            self._taken.append(_own("interrupted", reason="more than the queue holds", lost=lost))
            self._told_dropped = dropped
        if len(self._taken) == self._in_file:
            return False
        if not self._file.is_open:
            self._note(self._file.open(self._known))
        elif meddled := self._file.meddled():
            self._sync()
            self._note(meddled | self._file.open(self._file.head))
        return True

    def _note(self, found: Mapping[str, Any]) -> None:
        """The next line says what was found when the file was opened; it says so once, however often the disk fails before."""
        if not found:
            return
        if found != self._found and found.keys() != {"first"}:
            _log.error("audit_damaged", path=str(self._file.path), **found)
        self._found = found
        if self._taken[self._in_file].kind not in _OPENING:
            self._taken.insert(self._in_file, _own("reopened"))
        self._taken[self._in_file].add(found)

    def _sync(self) -> None:
        if self._in_file == 0:
            return
        self._file.sync()
        self._known, done = self._file.synced, self._taken[: self._in_file]
        del self._taken[: self._in_file]
        self._in_file = 0
        self.written += len(done)
        if self.trouble is not None:
            _log.info("audit_recovered", path=str(self._file.path))
            self.trouble = None
        self._tell(done, written=True)

    def _give_up(self, error: OSError) -> None:
        """The disk failed: nobody waits any longer, and what was not written is written later."""
        self._file.roll_back()
        self._in_file = 0
        self._failed_in()
        if self.trouble is None:
            self._taken.append(_own("interrupted", reason=str(error)))
        self._in_trouble(str(error))
        self._tell(list(self._taken), written=False)

    def _in_trouble(self, reason: str) -> None:
        if self.trouble is None:
            _log.error("audit_failed", path=str(self._file.path), error=reason)
        self.trouble = reason

    # back to the loop

    def _tell(self, done: list[Line], *, written: bool) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._told, done, written)

    def _told(self, done: list[Line], written: bool) -> None:  # noqa: FBT001 - call_soon_threadsafe takes no keywords
        for line in done:
            line.settle(written=written)
        if written:
            self._synced()


def _own(kind: str, **members: Any) -> Line:
    """A line that the thread has to say itself."""
    return Line(kind, lambda: members, time.time())
