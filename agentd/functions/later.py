"""What handlers have planned: in so many seconds, speak, or call a function, in the session that asked.

A plan is on the disk before it is acknowledged, and outlives the daemon. When it is due and no session of its name is live,
it waits for one, at most ``limits.plan_late_s``. What is said is forgotten after it was said, so it may be said twice if the
daemon dies in between; a call is forgotten before it runs, so it may be lost, and never runs twice.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from agentd.config import LimitSettings
from agentd.errors import AgentdError
from agentd.functions.call import CallRequest
from agentd.functions.gate.taint import Taint
from agentd.functions.plans import Plan, PlanStore
from agentd.store import StoreUnavailable
from agentd.supervise import Nursery

MAX_S: Final = 366 * 86_400.0
"""The most that ``limits.plan_ahead_s`` can be."""
MAX_PLANS: Final = 65_536
"""The most that ``limits.plans`` can be: what was planned is kept also when the limit is lowered."""

RETRY_S: Final = 2.0
TRIES: Final = 30
"""A text is refused while the user speaks (InjectAgentMessage, behavior queue); what is to ring rings when they are done."""

_log = structlog.get_logger("agentd.functions")


class NotPlanned(Exception):
    """Nothing was planned, or not cancelled; the text says why."""


@dataclass(slots=True)
class _Kept:
    """A plan and its clock: until it is due, and then until it is too late.

    Attributes:
        rings: it is happening.
        overdue: it waits for a session.
    """

    plan: Plan
    timer: asyncio.TimerHandle | None = None
    rings: bool = False
    overdue: bool = False


class Laters:
    """Plans and their clocks.

    Args:
        say: speaks a text in the session of that name; False when there is none, AgentdError when it cannot be now.
        call: runs a function call.
        live: the run of the session of that name; None when none is live.
        taint: the runs that were told something from outside.

    Attributes:
        limits: in effect for what is planned from now on.
    """

    def __init__(
        self,
        store: PlanStore,
        *,
        limits: LimitSettings,
        say: Callable[[str, str], Awaitable[bool]],
        call: Callable[[CallRequest], Awaitable[object]],
        live: Callable[[str], str | None],
        taint: Taint,
        nursery: Nursery,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits
        self._store = store
        self._say = say
        self._call = call
        self._live = live
        self._taint = taint
        self._nursery = nursery
        self._wall = wall
        self._plans: dict[str, _Kept] = {}

    async def start(self) -> None:
        """Take up what was planned before the daemon was started."""
        try:
            found = await self._store.load(MAX_PLANS)
        except StoreUnavailable as error:
            _log.error("plans_not_loaded", error=str(error))
            return
        for plan in found:
            kept = self._plans[plan.id] = _Kept(plan)
            self._schedule(kept, plan.due_at - self._wall())

    async def plan(
        self,
        seconds: float,
        *,
        file: str,
        session_id: str,
        cause: CallRequest,
        say: str | None,
        function: str | None,
        arguments: dict[str, Any],
        label: str,
    ) -> str:
        """Plan it; the id is what ``cancel`` takes.

        Raises:
            ValueError: a time that is not between now and ``limits.plan_ahead_s``, or not exactly one thing to do.
            NotPlanned: the session's or the daemon's limit, or the disk.
        """
        ahead_s = self.limits.plan_ahead_s
        if not 0 <= seconds <= ahead_s:
            raise ValueError(f"{seconds:g} is not between 0 and {ahead_s:.0f} seconds")
        if (say is None) == (function is None):
            raise ValueError("one of say and call")
        mine = sum(kept.plan.session_id == session_id for kept in self._plans.values())
        most = self.limits.plans_per_session
        if mine >= most or (len(self._plans) >= self.limits.plans and not await self._make_room()):
            raise NotPlanned(f"too much is planned already ({mine} in this session, at most {most})")
        id_ = f"later-{secrets.token_hex(8)}"
        # Kept with it: its run may be over when it happens, and the daemon another.
        cause = replace(cause, tainted=cause.tainted or cause.run_id in self._taint)
        made = Plan(id_, file, session_id, self._wall() + seconds, cause, say, function, arguments, label)
        kept = self._plans[id_] = _Kept(made)
        try:
            await self._store.put(made)
        except BaseException as error:
            del self._plans[id_]
            if isinstance(error, StoreUnavailable):
                raise NotPlanned("the plan could not be kept") from error
            raise
        self._schedule(kept, seconds)
        return id_

    def pending(self, file: str, session_id: str) -> list[dict[str, Any]]:
        """The plans of a file for a session, soonest first, as handlers see them."""
        now = asyncio.get_running_loop().time()
        mine = [
            (0.0 if kept.overdue or kept.timer is None else kept.timer.when() - now, kept.plan)
            for kept in self._plans.values()
            if _of(kept.plan, file, session_id) and not kept.rings
        ]
        return [
            {"id": plan.id, "label": plan.label, "due_in_s": max(0.0, left_s)}
            for left_s, plan in sorted(mine, key=lambda pair: pair[0])
        ]

    async def cancel(self, file: str, session_id: str, id: str) -> bool:
        """Drop a plan of that file and session; False if there is none, or it is happening.

        Raises:
            NotPlanned: the disk does not take it; the plan stands.
        """
        kept = self._plans.get(id)
        if kept is None or kept.rings or not _of(kept.plan, file, session_id):
            return False
        kept.rings = True  # nothing rings while it is being dropped
        try:
            await self._store.drop(id)
        except StoreUnavailable as error:
            kept.rings = False
            raise NotPlanned("the plan could not be dropped") from error
        self._forget(kept)
        return True

    def session_live(self, session_id: str) -> None:
        """A session of that name has begun: what waits for it happens now."""
        for kept in tuple(self._plans.values()):
            if kept.overdue and kept.plan.session_id == session_id:
                self._ring(kept)

    def run_purged(self, run_id: str) -> None:
        """The run's words are erased: what was planned in it does not happen. The store has forgotten it already."""
        for kept in tuple(self._plans.values()):
            if kept.plan.cause.run_id == run_id:
                self._forget(kept)

    def close(self) -> None:
        """Nothing happens any more, until the daemon is started again."""
        for kept in self._plans.values():
            if kept.timer is not None:
                kept.timer.cancel()
        self._plans.clear()

    async def _make_room(self) -> bool:
        """Drop what has waited longest for its session; it may never come. False when nothing waits."""
        waiting = [kept for kept in self._plans.values() if kept.overdue and not kept.rings]
        if not waiting:
            return False
        await self._drop(min(waiting, key=lambda kept: kept.plan.due_at), "room for others")
        return True

    def _schedule(self, kept: _Kept, seconds: float) -> None:
        if kept.plan.id in self._plans:
            # A wall clock that was set back must not put it off for longer than anything can be planned.
            kept.timer = asyncio.get_running_loop().call_later(min(max(0.0, seconds), MAX_S), self._due, kept)

    def _due(self, kept: _Kept) -> None:
        if self._wall() - kept.plan.due_at > self.limits.plan_late_s:
            self._nursery.start(self._drop(kept, "too late"), name=f"functions:{kept.plan.id}")
        elif self._live(kept.plan.session_id) is not None:
            self._ring(kept)
        else:
            self._wait(kept)

    def _wait(self, kept: _Kept) -> None:
        """Until a session of its name is live, or it is too late."""
        if not kept.overdue:
            _log.info("later_waits", session_id=kept.plan.session_id, plan=kept.plan.id, reason="no live session")
        kept.overdue, kept.rings = True, False
        late_s = self._wall() - kept.plan.due_at
        kept.timer = asyncio.get_running_loop().call_later(max(0.0, self.limits.plan_late_s - late_s) + 1.0, self._due, kept)

    def _ring(self, kept: _Kept) -> None:
        if not kept.rings:
            kept.rings = True
            plan = kept.plan
            self._nursery.start(self._do(kept), name=f"session:{plan.session_id}:{plan.id}")

    async def _do(self, kept: _Kept) -> None:
        plan = kept.plan
        if plan.cause.tainted:  # words from outside may be in what is said or done here
            self._taint.mark(self._live(plan.session_id))
        if plan.function is not None:
            if await self._drop(kept):
                await self._call(plan.request(self._live(plan.session_id)))
        elif await self.speak(plan.session_id, plan.say or ""):
            await self._drop(kept)
        elif plan.id in self._plans:
            self._wait(kept)

    async def _drop(self, kept: _Kept, reason: str = "") -> bool:
        """Forget a plan; False when the disk does not take it, then it is as if the daemon had been stopped here."""
        plan = kept.plan
        if reason:
            _log.warning("later_dropped", session_id=plan.session_id, plan=plan.id, reason=reason)
        self._forget(kept)
        try:
            await self._store.drop(plan.id)
        except StoreUnavailable as error:
            _log.error("later_not_dropped", session_id=plan.session_id, plan=plan.id, error=str(error))
            return False
        return True

    def _forget(self, kept: _Kept) -> None:
        if kept.timer is not None:
            kept.timer.cancel()
        self._plans.pop(kept.plan.id, None)

    async def speak(self, session_id: str, text: str) -> bool:
        """Say ``text`` in the session, and try for a while; False when no session is live any more.

        It returns when it is being said: a session that ends while the text waits for a quiet moment has not told it.
        """
        for _ in range(TRIES):
            try:
                spoken = await self._say(session_id, text)
            except AgentdError as error:
                _log.info("later_postponed", session_id=session_id, code=error.code)
                await asyncio.sleep(RETRY_S)
                continue
            if not spoken:
                _log.info("later_not_said", session_id=session_id, reason="no live session")
            return spoken
        _log.warning("later_not_said", session_id=session_id, reason="never accepted")
        return True


def _of(plan: Plan, file: str, session_id: str) -> bool:
    return plan.file == file and plan.session_id == session_id
