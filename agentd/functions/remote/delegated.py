"""Functions that a client of the API runs: ``[functions.delegated.<name>]``.

A call that has passed the gate is published as ``FunctionCallDelegated`` in its session; whoever answers first settles it.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from agentd.clock import rfc3339
from agentd.config.functions import declared
from agentd.functions.call import InvalidArguments
from agentd.functions.provider import Admitted, Loading, Serve
from agentd.functions.registry import FunctionSpec, LoadProblem
from agentd.functions.remote.arguments import Arguments, from_table
from agentd.functions.remote.declared import delivered, place_of, spec_of
from agentd.functions.remote.delegations import Delegations
from agentd.functions.remote.references import SchemaFault
from agentd.functions.remote.under_way import UnderWay
from agentd.functions.requests import Actions
from agentd.functions.workers.wire import Reply


class DelegatedFunctions:
    """The functions of all tables as a ``Provider``."""

    def __init__(
        self,
        readers: Mapping[str, Arguments],
        specs: Sequence[FunctionSpec],
        problems: Sequence[LoadProblem],
        *,
        delegations: Delegations,
        actions: Actions,
        result_bytes: int,
    ) -> None:
        self.specs = tuple(specs)
        self.problems = tuple(problems)
        self._readers = readers
        self._delegations = delegations
        self._actions = actions
        self._result_bytes = result_bytes
        self._running = UnderWay()

    @property
    def busy(self) -> bool:
        """Whether a call waits for its answer."""
        return bool(self._running)

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments by the schema, with its defaults."""
        return self._readers[spec.name].read(arguments)

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        """Publish the call and wait for its answer."""
        request = call.request
        session = None if request.session_id is None else self._actions(request.session_id)
        if session is None or request.run_id is None:
            return Reply("error", f"{call.spec.name} is run by a client of a conversation, and this call has none.")
        try:
            arguments = await self.check(call.spec, call.arguments)
        except InvalidArguments as fault:
            return Reply("invalid", str(fault))
        how = "it was cancelled"
        try:
            answer = self._delegations.open(request.run_id, request.call_id, call.spec.name)
            session.publish(
                "FunctionCallDelegated",
                {
                    "call_id": request.call_id,
                    "name": call.spec.name,
                    "arguments": arguments,
                    "expires_at": rfc3339(time.time() + call.spec.timeout_s),
                },
            )
            with self._running.one():
                async with asyncio.timeout(call.spec.timeout_s):
                    return delivered(await answer, (), limit_bytes=self._result_bytes)
        except TimeoutError:
            how = f"nobody answered within {call.spec.timeout_s:g} s"
            raise
        finally:
            self._delegations.close(request.run_id, request.call_id, how)

    def retire(self) -> None:
        """Calls under way may be answered."""

    async def close(self) -> None:
        """Give up the calls that wait."""
        self._running.cancel()


async def load_delegated(loading: Loading) -> DelegatedFunctions:
    """Make the functions of ``[functions.delegated.*]``."""
    readers: dict[str, Arguments] = {}
    specs: list[FunctionSpec] = []
    problems: list[LoadProblem] = []
    for name, table in declared(loading.tables).delegated.items():
        try:
            readers[name] = Arguments(from_table(table.parameters))
        except SchemaFault as fault:
            problems.append(LoadProblem(place_of("delegated", name), None, f"parameters: {fault}"))
        else:
            specs.append(spec_of("delegated", name, table, readers[name].parameters))
    return DelegatedFunctions(
        readers,
        specs,
        problems,
        delegations=loading.delegations,
        actions=loading.actions,
        result_bytes=loading.limits.function_result_bytes,
    )
