"""The functions of the daemon: what is loaded, what calls pass and who runs them, built and held together.

Everything that may call a function calls ``Functions.call``; there is no other way to one.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from agentd.config import LimitSettings
from agentd.functions.announcer import Announcer
from agentd.functions.audit import Audit, record_gate
from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.gate.gate import Gate
from agentd.functions.gate.policy import AgentPolicy, PolicyOf
from agentd.functions.later import Laters
from agentd.functions.loaded import Loaded
from agentd.functions.plans import PlanStore
from agentd.functions.provider import Loading
from agentd.functions.registry import FunctionSpec, Registry
from agentd.functions.remote.delegations import Delegations
from agentd.functions.requests import Actions, Requests, SessionActions
from agentd.functions.runner import Runner
from agentd.functions.store import Stores
from agentd.functions.workers.generation import check_directory
from agentd.functions.workers.wire import Reply
from agentd.metrics import Metrics
from agentd.store import Store
from agentd.supervise import Nursery

__all__ = ["CallOutcome", "CallRequest", "Functions", "SessionActions", "check_directory"]


class Functions:
    """All functions, at the service of all sessions.

    Args:
        directory: where handler files lie; may be missing, then there are no handlers.
        store: keeps the values of handlers.
        audit: is told of every call before it runs, and how it came out.
        older_values: the folder where earlier versions kept them, to take them over.
        config: the tables ``[functions.*]``.
        actions: finds the live session a function acts in.
        allowed_endpoints: origins that functions of the configuration may call.
        credentials: the folder of credentials that the configuration names.
        policy_of: the rules of an agent; asked at every call.
        metrics: count calls, denials, confirmations and ends of workers.

    Attributes:
        gate: what every call passes.
        requests: serves what handlers ask for during their calls.
    """

    def __init__(
        self,
        *,
        directory: Path,
        store: Store,
        audit: Audit,
        older_values: Path,
        limits: LimitSettings,
        config: Mapping[str, Mapping[str, Any]],
        actions: Actions,
        allowed_endpoints: Sequence[str] = (),
        credentials: Path | None = None,
        policy_of: PolicyOf = lambda _: AgentPolicy(),
        metrics: Metrics | None = None,
    ) -> None:
        self._audit = audit
        self._actions = actions
        self._nursery = Nursery()
        self._delegations = Delegations()
        self.gate = Gate(limits, store, policy_of)
        announcer = Announcer(actions, self._nursery)
        self.gate.confirmations.on_request.append(announcer.requested)
        self.gate.confirmations.on_settled.append(announcer.settled)
        metrics = metrics or Metrics(CollectorRegistry())
        record_gate(self.gate, audit, metrics)
        self._laters = Laters(
            PlanStore(store),
            limits=limits,
            say=self._say,
            call=self.call,
            live=lambda session_id: None if (session := actions(session_id)) is None else session.run_id,
            taint=self.gate.taint,
            nursery=self._nursery,
        )
        self.requests = Requests(
            actions=actions,
            stores=Stores(store, older_values),
            laters=self._laters,
            taint=self.gate.taint,
            message_chars=limits.message_chars,
        )
        self._loaded = Loaded(
            Loading(
                directory=directory,
                tables=config,
                limits=limits,
                nursery=self._nursery,
                actions=actions,
                allowed_endpoints=allowed_endpoints,
                credentials=credentials,
                delegations=self._delegations,
                worker_ended=metrics.function_worker_ended,
            ),
            taken=self._taken,
        )
        self._runner = Runner(
            self.gate,
            self._loaded,
            audit=audit,
            store=store,
            requests=self.requests,
            actions=actions,
            speak=self._laters.speak,
            metrics=metrics,
            nursery=self._nursery,
        )

    @property
    def registry(self) -> Registry:
        """What is loaded now."""
        return self._loaded.offer.registry

    @property
    def counters(self) -> dict[str, dict[str, Any]]:
        """Calls by function: ``calls``, one count per outcome, and ``last_error`` (time, outcome, kind) or None."""
        return self._runner.tallies.view(self.registry.specs)

    async def start(self) -> None:
        """Load what loads; the rest is in ``registry.problems``."""
        await self.gate.switch.load()
        await self._loaded.load()
        await self._laters.start()

    async def reload(
        self,
        *,
        limits: LimitSettings | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        allowed_endpoints: Sequence[str] | None = None,
        check: Callable[[Registry], None] = lambda _: None,
    ) -> Registry:
        """Load everything anew, all or nothing; calls under way keep their code.

        Args:
            limits: in effect from now on, where they change too.
            config: the tables ``[functions.*]``, where they change too.
            allowed_endpoints: where they change too.
            check: looks at what was loaded before it is taken; raises to leave everything as it was.

        Raises:
            InvalidRequest: something did not load; every problem is listed and the functions stay as they were.
        """
        await self._loaded.reload(limits=limits, tables=config, allowed_endpoints=allowed_endpoints, check=check)
        if limits is not None:
            self.gate.limits = self._laters.limits = limits
            self.requests.message_chars = limits.message_chars
        return self.registry

    def take_policies(self, policy_of: PolicyOf) -> None:
        """The rules of agents, from now on; for conversations that are live too."""
        self.gate.policy_of = policy_of

    async def close(self) -> None:
        """Stop every call and process; nothing is left afterwards."""
        self._runner.closed = True
        self._laters.close()
        await self._loaded.close()
        await self._nursery.close()

    def answer_delegated(self, run_id: str, call_id: str, *, result: Any = None, error: str | None = None) -> str:
        """Settle a delegated call: with ``result`` (a JSON value), or with ``error`` in words for the model.

        Returns:
            The function's name.

        Raises:
            CallNotFound: no client was asked to run this call.
            Conflict: it is over; the first answer counts.
        """
        return self._delegations.answer(run_id, call_id, Reply("result", result) if error is None else Reply("error", error))

    def run_started(self, run_id: str, *, tainted: bool = False) -> None:
        """A run begins; ``tainted`` when it goes on from one that was told something from outside."""
        self.gate.run_started(run_id, tainted=tainted)

    def tainted(self, run_id: str) -> bool:
        """Whether that run has been told something from outside; true of a run that is not live."""
        return run_id in self.gate.taint

    def taint(self, run_id: str) -> None:
        """Something from outside got into that run by another way than a function of ours."""
        self.gate.taint.mark(run_id)

    @property
    def mcp_servers(self) -> dict[str, bool]:
        """The MCP servers of the configuration, and whether each can be called now."""
        return {name: up for provider in self._loaded.providers for name, up in getattr(provider, "servers_up", {}).items()}

    def session_live(self, session_id: str) -> None:
        """A session of that name is live: what was planned for it and is due happens now."""
        self._laters.session_live(session_id)

    def run_purged(self, run_id: str) -> None:
        """The run was erased: so is what was planned in it."""
        self._laters.run_purged(run_id)

    def run_ended(self, run_id: str) -> None:
        """The run is over: what it left in the background stops."""
        self.gate.run_ended(run_id)
        self._runner.run_ended(run_id)

    def at_work(self, run_id: str | None, call_id: str) -> FunctionSpec | None:
        """The function that runs for this call; None: it has not begun yet (it may be waiting in the gate), or is over."""
        return self._runner.at_work.get((run_id, call_id))

    async def call(self, request: CallRequest) -> CallOutcome:
        """Run a call and settle it; the same id again gets the same outcome and runs nothing.

        Cancelling it stops the handler, which has a second to clean up. Raises nothing but CancelledError.
        """
        return await self._runner.call(request)

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the function would get them, defaults included; nothing is called.

        Raises:
            InvalidArguments: they do not fit.
            WorkerGone: nobody could say.
        """
        return await self._loaded.offer.providers[spec.name].check(spec, arguments)

    async def _say(self, session_id: str, text: str) -> bool:
        session = self._actions(session_id)
        if session is None:
            return False
        await session.say(text, behavior="queue")
        return True

    def _taken(self, registry: Registry) -> None:
        """Other functions are there now."""
        files = {Path(spec.place).name: spec.sha256 for spec in registry.specs.values() if spec.sha256 is not None}
        self._audit.put("reload", functions=sorted(registry.specs), files=files)
