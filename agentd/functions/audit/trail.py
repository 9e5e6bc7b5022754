"""``Audit``: one thread writes what is put, many lines in one go, and what depends on a line waits until it is on the disk.

Reading functions (tier ``read``) are written down and not held up. What acts waits until its intent survives a loss of power.
Where the disk takes nothing, ``medium`` and ``high`` do not run, ``low`` and ``read`` do, and their lines wait, in a bounded
queue; what had to be given up is counted, in the file too. The disk is tried again every second.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from agentd import __version__
from agentd.clock import rfc3339
from agentd.config import StoreSettings
from agentd.functions.audit import entries
from agentd.functions.audit.chain import NOTE, Head, Seal
from agentd.functions.audit.file import AuditFile
from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.gate.confirm import Confirmation
from agentd.functions.provider import Admitted
from agentd.functions.registry import FunctionSpec
from agentd.store import Store

GATHER_S: Final = 0.02
"""Lines that nobody waits for are gathered for so long: what a crash may cost."""
LAZY_S: Final = 0.2
"""How long such a line may be without its sync: what a loss of power may cost."""
RETRY_S: Final = 1.0
"""How long a disk that failed is left alone."""
PATIENCE_S: Final = 5.0
"""A disk that takes longer has failed."""
SEAL_S: Final = 1.0
"""The store is told the newest line so often."""
MAX_BATCH: Final = 1000
"""Lines written in one go."""
_DAY_S: Final = 86_400.0

_UNHELD: Final = frozenset({"read"})
_GO_ON: Final = frozenset({"read", "low"})
"""Tiers that run although their intent could not be written."""

_log = structlog.get_logger("agentd.audit")


@dataclass(slots=True)
class _Line:
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


class Audit:
    """The audit of one daemon. All methods belong to the event loop.

    Args:
        state_dir: the file lies in it.
        store: remembers the newest line, so that lines cut off at the end are missed.
        settings: ``audit_days``, and ``queue_rows`` for the lines that wait.
        failed: told of every time the disk did not take it, on the writer's thread.

    Attributes:
        trouble: why the disk takes nothing now; None while it does.
    """

    def __init__(
        self,
        state_dir: Path,
        store: Store,
        settings: StoreSettings,
        *,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self.trouble: str | None = None
        self._store = store
        self._days = settings.audit_days
        self._most = settings.queue_rows
        self._failed_in = failed
        self._file = AuditFile(state_dir)
        self._known = Head()
        self._waiting: deque[_Line] = deque()
        self._taken: list[_Line] = []  # the thread's: not yet known to be on the disk
        self._in_file = 0  # how many of them are in the file already
        self._something = threading.Event()
        self._halt = threading.Event()
        self._stopping = False
        self._dropped = self._told_dropped = self._written = 0
        self._seal: Seal | None = None
        self._sealing: asyncio.TimerHandle | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)

    # life

    async def start(self) -> None:
        """Open the file and begin to write; a disk that fails is tried again later."""
        seal = Seal.of(await self._store.note(NOTE))
        self._known = Head() if seal is None else seal.head
        self.put("start", version=__version__)
        self._thread.start()

    async def close(self) -> None:
        """Write what waits, as far as the disk takes it, and close."""
        if self._stopping:
            return
        self.put("stop")
        self._stopping = True
        self._halt.set()
        self._something.set()
        await asyncio.to_thread(self._thread.join, PATIENCE_S)
        for timer in (self._sealing, self._gathering):
            if timer is not None:
                timer.cancel()
        self._remember()

    # what is told

    def put(self, kind: str, **members: Any) -> None:
        """Write a line that belongs to no call, as soon as may be; members that are None are left out."""
        self._append(_Line(kind, lambda: members, time.time()))

    def intent(self, call: Admitted) -> "asyncio.Future[bool]":
        """A call is about to run. Await it before anything happens: False when it must not."""
        may = self._loop.create_future()
        tier = call.spec.tier
        line = _Line("intent", partial(entries.of_call, call.request, call.spec, call.arguments), time.time())
        if tier in _UNHELD or self.trouble is not None or self._stopping:
            may.set_result(tier in _GO_ON)
        else:
            line.written, line.otherwise = may, tier in _GO_ON
            late = self._loop.call_later(PATIENCE_S, self._late, line)
            may.add_done_callback(lambda _: late.cancel())
        self._append(line)
        return may

    def result(self, call: Admitted, outcome: CallOutcome, duration_s: float) -> None:
        """A call of which there was an intent is over; ``denied``: it was not run after all."""
        duration_s = round(duration_s, 4)
        make = partial(entries.of_call, call.request, call.spec, outcome=outcome.outcome, duration_s=duration_s)
        self._append(_Line("result", make, time.time()))

    def denied(self, request: CallRequest, spec: FunctionSpec | None, *, outcome: str, reason: str) -> None:
        """A call did not pass the gate.

        Args:
            outcome: ``denied``, ``invalid`` or ``unknown``.
            reason: in a word.
        """
        make = partial(entries.of_call, request, spec, request.arguments, outcome=outcome, reason=reason)
        self._append(_Line("denied", make, time.time()))

    def confirmation(self, asked: Confirmation, outcome: str, by: str | None = None) -> None:
        """A confirmation was ``asked`` for, or came to its end.

        Args:
            by: name of the token that answered.
        """
        self._append(_Line("confirmation", partial(entries.of_confirmation, asked, outcome=outcome, by=by), time.time()))

    # what is asked

    def status(self) -> dict[str, Any]:
        """For ``/readyz``: ``ok``, or ``degraded`` with the reason."""
        if self.trouble is None:
            return {"state": "ok"}
        return {"state": "degraded", "reason": self.trouble}

    def figures(self) -> dict[str, float]:
        """For the metrics."""
        return {
            "up": float(self.trouble is None),
            "waiting_lines": len(self._waiting) + len(self._taken),
            "written_lines": self._written,
            "dropped_lines": self._dropped,
            "file_bytes": self._file.size_bytes,
        }

    async def forget(self, now: float) -> int:
        """Begin a new file if the first line of this one is old enough; the one before that is gone then.

        So a line is kept for ``audit_days`` at least and for twice as long at most, and no file is ever changed.

        Args:
            now: Unix seconds, by a clock that can be trusted.

        Returns:
            How many files were begun: 0 or 1.
        """
        began = self._file.began
        if began is None or began >= rfc3339(now - self._days * _DAY_S) or self.trouble is not None:
            return 0
        turned = self._loop.create_future()
        self._append(_Line("turnover", dict, now, turned))
        async with asyncio.timeout(PATIENCE_S):
            return int(await turned)

    # the queue

    def _append(self, line: _Line) -> None:
        self._waiting.append(line)
        while len(self._waiting) > self._most:
            with contextlib.suppress(IndexError):  # the thread may have been here in between
                lost = self._waiting.popleft()
                self._dropped += 1
                _settle(lost, written=False)
        if line.written is not None:
            self._wake()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_S, self._wake)

    def _wake(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._something.set()

    def _late(self, line: _Line) -> None:
        """The disk has not answered in time."""
        if line.written is not None and not line.written.done():
            self._in_trouble(f"nothing was written within {PATIENCE_S:g} s")
            _settle(line, written=False)

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
                self._file.turn_over()
                new = self._taken[:1]
            for i, line in enumerate(new[1:], 1):
                if line.kind == "turnover":
                    new = new[:i]
                    break
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
        dropped = self._dropped
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
        """The next line says what was found when the file was opened."""
        if not found:
            return
        _log.error("audit_damaged", path=str(self._file.path), **found)
        first = self._taken[self._in_file]
        if first.kind == "start":
            told = first.make()
            first.make = lambda: {**told, **found}
        else:
            self._taken.insert(self._in_file, _own("reopened", **found))

    def _sync(self) -> None:
        if self._in_file == 0:
            return
        self._file.sync()
        self._known, done = self._file.synced, self._taken[: self._in_file]
        del self._taken[: self._in_file]
        self._in_file = 0
        self._written += len(done)
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

    def _tell(self, done: list[_Line], *, written: bool) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._told, done, written)

    def _told(self, done: list[_Line], written: bool) -> None:  # noqa: FBT001 - call_soon_threadsafe takes no keywords
        for line in done:
            _settle(line, written=written)
        if written and self._sealing is None and not self._stopping:
            self._sealing = self._loop.call_later(SEAL_S, self._remember)

    def _remember(self) -> None:
        self._sealing = None
        if (seal := self._file.seal).head.seq > 0:
            self._store.put_note(NOTE, seal.text())


def _own(kind: str, **members: Any) -> _Line:
    """A line that the thread has to say itself."""
    return _Line(kind, lambda: members, time.time())


def _settle(line: _Line, *, written: bool) -> None:
    if line.written is not None and not line.written.done():
        line.written.set_result(written or line.otherwise)
