"""What handlers have planned: in so many seconds, speak, or call a function, in the session that asked.

Plans are kept in memory by session name, so they ring in a new run of the same name too; with the daemon they end.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from agentd.errors import AgentdError
from agentd.functions.call import CallRequest
from agentd.supervise import Nursery

MAX_S: Final = 7 * 86_400.0
PER_SESSION: Final = 64
IN_ALL: Final = 2048

RETRY_S: Final = 2.0
TRIES: Final = 30
"""A text is refused while the user speaks (InjectAgentMessage, behavior queue); what is to ring rings when they are done."""

_log = structlog.get_logger("agentd.functions")


class TooManyPlans(Exception):
    """Nothing was planned; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One thing to do.

    Attributes:
        cause: the call that planned it; a planned call has its rights.
    """

    id: str
    file: str
    session_id: str
    cause: CallRequest
    say: str | None
    function: str | None
    arguments: dict[str, Any]
    label: str


class Laters:
    """Plans and their clocks.

    Args:
        say: speaks a text in the session of that name; False when there is none, AgentdError when it cannot be now.
        call: runs a function call.
    """

    def __init__(
        self,
        *,
        say: Callable[[str, str], Awaitable[bool]],
        call: Callable[[CallRequest], Awaitable[object]],
        nursery: Nursery,
    ) -> None:
        self._say = say
        self._call = call
        self._nursery = nursery
        self._plans: dict[str, tuple[Plan, asyncio.TimerHandle]] = {}
        self._numbers = itertools.count(1)

    def plan(
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
            ValueError: a time that is not between now and a week, or not exactly one thing to do.
            TooManyPlans: the session's or the daemon's limit.
        """
        if not 0 <= seconds <= MAX_S:
            raise ValueError(f"{seconds} is not between 0 and {MAX_S:g} seconds")
        if (say is None) == (function is None):
            raise ValueError("one of say and call")
        mine = sum(plan.session_id == session_id for plan, _ in self._plans.values())
        if mine >= PER_SESSION or len(self._plans) >= IN_ALL:
            raise TooManyPlans(f"too much is planned already ({mine} in this session, at most {PER_SESSION})")
        id_ = f"later-{next(self._numbers)}"
        made = Plan(id_, file, session_id, cause, say, function, arguments, label)
        self._plans[id_] = made, asyncio.get_running_loop().call_later(seconds, self._due, id_)
        return id_

    def pending(self, file: str, session_id: str) -> list[dict[str, Any]]:
        """The plans of a file for a session, soonest first, as handlers see them."""
        now = asyncio.get_running_loop().time()
        mine = [(timer.when() - now, plan) for plan, timer in self._plans.values() if _of(plan, file, session_id)]
        return [
            {"id": plan.id, "label": plan.label, "due_in_s": max(0.0, left_s)}
            for left_s, plan in sorted(mine, key=lambda pair: pair[0])
        ]

    def cancel(self, file: str, session_id: str, id: str) -> bool:
        """Drop a plan of that file and session; False if there is none."""
        if id not in self._plans or not _of(self._plans[id][0], file, session_id):
            return False
        self._plans.pop(id)[1].cancel()
        return True

    def close(self) -> None:
        """Nothing planned happens any more."""
        for _, timer in self._plans.values():
            timer.cancel()
        self._plans.clear()

    def _due(self, id: str) -> None:
        plan, _ = self._plans.pop(id)
        self._nursery.start(self._do(plan), name=f"session:{plan.session_id}:{plan.id}")

    async def _do(self, plan: Plan) -> None:
        if plan.function is not None:
            await self._call(replace(plan.cause, call_id=plan.id, name=plan.function, arguments=plan.arguments, turn=None))
            return
        await self.speak(plan.session_id, plan.say or "")

    async def speak(self, session_id: str, text: str) -> None:
        """Say ``text`` in the session as soon as it is taken, and not for ever after."""
        for _ in range(TRIES):
            try:
                spoken = await self._say(session_id, text)
            except AgentdError as error:
                _log.info("later_postponed", session_id=session_id, code=error.code)
                await asyncio.sleep(RETRY_S)
                continue
            if not spoken:
                _log.info("later_dropped", session_id=session_id, reason="no live session")
            return
        _log.warning("later_dropped", session_id=session_id, reason="never accepted")


def _of(plan: Plan, file: str, session_id: str) -> bool:
    return plan.file == file and plan.session_id == session_id
