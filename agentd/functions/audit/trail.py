"""``Audit``: what is written down of functions, and what waits for it.

Reading functions (tier ``read``) are written down and not held up. What acts waits until its intent survives a loss of power.
Where the disk takes nothing, ``medium`` and ``high`` do not run, ``low`` and ``read`` do, and their lines wait.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from agentd import __version__
from agentd.clock import rfc3339
from agentd.config import StoreSettings
from agentd.functions.audit import entries
from agentd.functions.audit.chain import NOTE, Head
from agentd.functions.audit.file import AuditFile
from agentd.functions.audit.writer import Line, Writer
from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.gate.confirm import Confirmation
from agentd.functions.provider import Admitted
from agentd.functions.registry import FunctionSpec
from agentd.store import Store

SEAL_S: Final = 1.0
"""The store is told the newest line so often."""
_DAY_S: Final = 86_400.0

_UNHELD: Final = frozenset({"read"})
_GO_ON: Final = frozenset({"read", "low"})
"""Tiers that run although their intent could not be written."""


class Audit:
    """The audit of one daemon. All methods belong to the event loop.

    Args:
        state_dir: the file lies in it.
        store: remembers the newest line, so that lines cut off at the end are missed.
        settings: ``audit_days``, and ``queue_rows`` for the lines that wait.
        failed: told of every time the disk did not take it, on the writer's thread.
    """

    def __init__(
        self,
        state_dir: Path,
        store: Store,
        settings: StoreSettings,
        *,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._days = settings.audit_days
        self._file = AuditFile(state_dir)
        self._writer = Writer(self._file, most=settings.queue_rows, failed=failed, synced=self._synced)
        self._sealing: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()

    @property
    def trouble(self) -> str | None:
        """Why the disk takes nothing now; None while it does."""
        return self._writer.trouble

    # life

    async def start(self) -> None:
        """Open the file and begin to write; a disk that fails is tried again later."""
        known = Head.of(await self._store.note(NOTE)) or Head()
        self.put("start", version=__version__)
        self._writer.start(known)

    async def close(self) -> None:
        """Write what waits, as far as the disk takes it, and close."""
        if self._closed:
            return
        self.put("stop")
        self._closed = True
        await self._writer.stop()
        if self._sealing is not None:
            self._sealing.cancel()
        self._remember()

    # what is told

    def put(self, kind: str, **members: Any) -> None:
        """Write a line that belongs to no call, as soon as may be; members that are None are left out."""
        self._writer.put(Line(kind, lambda: members, time.time()))

    def intent(self, call: Admitted) -> "asyncio.Future[bool]":
        """A call is about to run. Await it before anything happens: False when it must not."""
        may = self._loop.create_future()
        tier = call.spec.tier
        line = Line("intent", partial(entries.of_call, call.request, call.spec, call.arguments), time.time())
        if tier in _UNHELD or not self._writer.takes:
            may.set_result(tier in _GO_ON)
        else:
            line.written, line.otherwise = may, tier in _GO_ON
        self._writer.put(line)
        return may

    def result(self, call: Admitted, outcome: CallOutcome, duration_s: float) -> None:
        """A call of which there was an intent is over; ``denied``: it was not run after all."""
        duration_s = round(duration_s, 4)
        make = partial(entries.of_call, call.request, call.spec, outcome=outcome.outcome, duration_s=duration_s)
        self._writer.put(Line("result", make, time.time()))

    def denied(self, request: CallRequest, spec: FunctionSpec | None, *, outcome: str, reason: str) -> None:
        """A call did not pass the gate.

        Args:
            outcome: ``denied``, ``invalid`` or ``unknown``.
            reason: in a word.
        """
        make = partial(entries.of_call, request, spec, request.arguments, outcome=outcome, reason=reason)
        self._writer.put(Line("denied", make, time.time()))

    def confirmation(self, asked: Confirmation, outcome: str, by: str | None = None) -> None:
        """A confirmation was ``asked`` for, or came to its end.

        Args:
            by: name of the token that answered.
        """
        self._writer.put(Line("confirmation", partial(entries.of_confirmation, asked, outcome=outcome, by=by), time.time()))

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
            "waiting_lines": len(self._writer),
            "written_lines": self._writer.written,
            "dropped_lines": self._writer.dropped,
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
        self._writer.put(Line("turnover", dict, now, turned))
        return int(await turned)

    # the store

    def _synced(self) -> None:
        if self._sealing is None and not self._closed:
            self._sealing = self._loop.call_later(SEAL_S, self._remember)

    def _remember(self) -> None:
        self._sealing = None
        if (head := self._file.synced).seq > 0:
            self._store.put_note(NOTE, head.text())
