"""One thing that a handler has planned, and how it is kept."""

from dataclasses import dataclass, replace
from typing import Any

from agentd.functions.call import CallRequest
from agentd.store import Store, plans
from agentd.store.plans import PlanRow


@dataclass(frozen=True, slots=True)
class Plan:
    """One thing to do.

    Attributes:
        id: also the call id of a planned call, so that it runs once.
        due_at: Unix seconds: a plan outlives the daemon's own clock.
        cause: the call that planned it. A planned call is one of the same agent, and may do no more than that one.
        say, function: one of them.
    """

    id: str
    file: str
    session_id: str
    due_at: float
    cause: CallRequest
    say: str | None
    function: str | None
    arguments: dict[str, Any]
    label: str

    def request(self, run_id: str | None) -> CallRequest:
        """The call of a plan that names a function.

        Args:
            run_id: the run it happens in: it is answered, confirmed and ended there.
        """
        if self.function is None:
            raise AssertionError("it says something")
        cause = self.cause
        return replace(
            cause,
            call_id=self.id,
            name=self.function,
            arguments=self.arguments,
            turn=None,
            run_id=run_id or cause.run_id,
            tainted=cause.tainted or run_id != cause.run_id,
        )


class PlanStore:
    """Keeps plans in the daemon's store.

    Everything here raises StoreUnavailable when the disk does not take or give it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, plan: Plan) -> None:
        """Keep a plan; once this returns it survives a loss of power."""
        row = PlanRow(plan.id, plan.cause.run_id or "", plan.due_at, _data(plan))
        await self._store.writer.do(lambda connection: plans.put(connection, row), durable=True)

    async def drop(self, id_: str) -> None:
        """Forget a plan, for good once this returns."""
        await self._store.writer.do(lambda connection: plans.drop(connection, id_), durable=True)

    async def load(self, limit: int) -> list[Plan]:
        """The plans that are kept, soonest first."""
        return [_plan(row) for row in await self._store.read(lambda connection: plans.load(connection, limit))]


def _data(plan: Plan) -> dict[str, Any]:
    cause = plan.cause
    return {
        "file": plan.file,
        "session_id": plan.session_id,
        "say": plan.say,
        "function": plan.function,
        "arguments": plan.arguments,
        "label": plan.label,
        "agent": cause.agent,
        "allowed": None if cause.allowed is None else sorted(cause.allowed),
        "metadata": dict(cause.metadata),
        "started_by": cause.started_by,
        "tainted": cause.tainted,
    }


def _plan(row: PlanRow) -> Plan:
    data = row.data
    return Plan(
        id=row.id,
        file=data["file"],
        session_id=data["session_id"],
        due_at=row.due_at,
        cause=CallRequest(
            call_id="",
            name="",
            arguments={},
            session_id=data["session_id"],
            run_id=row.run_id or None,
            agent=data["agent"],
            allowed=None if data["allowed"] is None else frozenset(data["allowed"]),
            metadata=data["metadata"],
            started_by=data["started_by"],
            tainted=data.get("tainted", True),
        ),
        say=data["say"],
        function=data["function"],
        arguments=data["arguments"],
        label=data["label"],
    )
