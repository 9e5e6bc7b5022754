"""The functions of the daemon: load them, run calls, settle each exactly once.

Everything that may call a function calls ``Functions.call``; there is no other way to one.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry

from agentd.config import LimitSettings
from agentd.functions.announcer import Announcer
from agentd.functions.audit import Audit, record_gate
from agentd.functions.background import Background
from agentd.functions.call import CallOutcome, CallRequest, Rejected
from agentd.functions.fillers import filling
from agentd.functions.gate.gate import Gate
from agentd.functions.gate.once import Once
from agentd.functions.gate.policy import AgentPolicy, PolicyOf
from agentd.functions.later import Laters
from agentd.functions.loaded import Loaded
from agentd.functions.plans import PlanStore
from agentd.functions.provider import Admitted, Loading, Provider, Serve
from agentd.functions.registry import FunctionSpec, Registry
from agentd.functions.remote.delegations import Delegations
from agentd.functions.requests import Actions, Requests, SessionActions
from agentd.functions.results import internal, read, spoken
from agentd.functions.slots import NoSlot, Slots
from agentd.functions.store import Stores
from agentd.functions.tallies import Tallies
from agentd.functions.templates import Sentences
from agentd.functions.workers.generation import check_directory
from agentd.functions.workers.process import WorkerGone
from agentd.functions.workers.wire import Reply
from agentd.metrics import Metrics
from agentd.store import Store
from agentd.supervise import Nursery

__all__ = ["CallOutcome", "CallRequest", "Functions", "SessionActions", "check_directory"]

IN_BACKGROUND: Final = "It has been started and runs in the background. Its result will be told as soon as it is there."

UNRECORDED: Final = (
    "The function was not run: what it would do cannot be recorded, because the disk takes nothing now. Tell the user that it "
    "was not done, and that somebody must look at the machine agentd runs on."
)

_log = structlog.get_logger("agentd.functions")


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
        self._limits = limits
        self._store = store
        self._audit = audit
        self._actions = actions
        self._nursery = Nursery()
        self._delegations = Delegations()
        self.gate = Gate(limits, store, policy_of)
        announcer = Announcer(actions, self._nursery)
        self.gate.confirmations.on_request.append(announcer.requested)
        self.gate.confirmations.on_settled.append(announcer.settled)
        self._metrics = metrics or Metrics(CollectorRegistry())
        record_gate(self.gate, audit, self._metrics)
        self._laters = Laters(
            PlanStore(store),
            limits=limits,
            say=self._say,
            call=self.call,
            live=lambda session_id: None if (session := actions(session_id)) is None else session.run_id,
            nursery=self._nursery,
        )
        self.requests = Requests(
            actions=actions,
            stores=Stores(store, older_values),
            laters=self._laters,
            message_chars=limits.message_chars,
        )
        self._slots = Slots(per_session=limits.function_calls_per_session, total=limits.function_calls)
        self._once: Once[tuple[CallRequest, CallOutcome]] = Once()
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
                worker_ended=self._metrics.function_worker_ended,
            ),
            taken=self._taken,
        )
        self._at_work: dict[tuple[str | None, str], FunctionSpec] = {}
        self._background = Background(self._nursery)
        self._tallies = Tallies()
        self._sentences = Sentences()
        self._closed = False

    @property
    def registry(self) -> Registry:
        """What is loaded now."""
        return self._loaded.offer.registry

    @property
    def counters(self) -> dict[str, dict[str, Any]]:
        """Calls by function: ``calls``, one count per outcome, and ``last_error`` (time, outcome, kind) or None."""
        return self._tallies.view(self.registry.specs)

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
            self._limits = self.gate.limits = self._laters.limits = limits
            self.requests.message_chars = limits.message_chars
        return self.registry

    def take_policies(self, policy_of: PolicyOf) -> None:
        """The rules of agents, from now on; for conversations that are live too."""
        self.gate.policy_of = policy_of

    async def close(self) -> None:
        """Stop every call and process; nothing is left afterwards."""
        self._closed = True
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
        self._once.end(run_id)
        self._background.end(run_id)

    def at_work(self, run_id: str | None, call_id: str) -> FunctionSpec | None:
        """The function that runs for this call; None: it has not begun yet (it may be waiting in the gate), or is over."""
        return self._at_work.get((run_id, call_id))

    async def call(self, request: CallRequest) -> CallOutcome:
        """Run a call and settle it; the same id again gets the same outcome and runs nothing.

        Cancelling it stops the handler, which has a second to clean up. Raises nothing but CancelledError.
        """
        earlier = self._once.earlier(request.run_id, request.call_id)
        if earlier is not None:
            first, outcome = await asyncio.shield(earlier)
            if (first.name, first.arguments) == (request.name, request.arguments):
                return outcome
            self._audit.denied(request, self.registry.specs.get(request.name), outcome="denied", reason="call_id")
            self._metrics.function_denied("call_id")
            return CallOutcome("denied", f"The call id {request.call_id[:64]!r} was used for another call.")
        settled = self._once.open(request.run_id, request.call_id)
        started = time.monotonic()
        outcome, kind = CallOutcome("cancelled", "The call was cancelled; its effect is unknown."), "cancelled"
        try:
            outcome, kind = await self._settle(request)
        finally:
            outcome = replace(outcome, duration_s=time.monotonic() - started)
            settled.set_result((request, outcome))
            self.gate.settled(request, outcome)
            self._tallies.settled(request, outcome, kind, known=request.name in self.registry.specs)
            asyncio.get_running_loop().call_soon(self._measure, request.name, outcome, kind)  # once it is answered
        return outcome

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the function would get them, defaults included; nothing is called.

        Raises:
            InvalidArguments: they do not fit.
            WorkerGone: nobody could say.
        """
        return await self._loaded.offer.providers[spec.name].check(spec, arguments)

    def _measure(self, name: str, outcome: CallOutcome, kind: str) -> None:
        self._metrics.function_call(name, outcome.outcome, outcome.duration_s)
        if outcome.outcome == "denied":
            self._metrics.function_denied(kind)

    async def _settle(self, request: CallRequest) -> tuple[CallOutcome, str]:
        """The outcome, and in a word what kind of trouble it was."""
        if not self._loaded.ready:
            return CallOutcome("denied", "The functions are not loaded yet."), "closed"
        try:
            call = await self.gate.admit(request, lambda: self._loaded.offer)
        except Rejected as rejected:
            spec = self.registry.specs.get(request.name)
            self._audit.denied(request, spec, outcome=rejected.outcome, reason=rejected.reason)
            return CallOutcome(rejected.outcome, rejected.content), rejected.reason
        except Exception:  # noqa: BLE001 - the function runner's guard: a call is settled whatever happens
            return self._broken(request)
        if isinstance(call, CallOutcome):  # of the same call, before
            return call, ""
        provider = self._loaded.offer.providers[call.spec.name]
        if call.spec.options.background and request.session_id is not None:
            self._background.start(request.run_id, self._finish_in_background(provider, call), name=call.spec.name)
            return CallOutcome("ok", IN_BACKGROUND, IN_BACKGROUND, call.arguments), ""
        return await self._perform(provider, call)

    async def _perform(self, provider: Provider, call: Admitted) -> tuple[CallOutcome, str]:
        """Run what the gate has let pass."""
        outcome, kind = await self.gate.perform(call, lambda: self._recorded(provider, call))
        if kind == "busy" or (outcome.outcome == "denied" and kind != "audit"):  # after all: of that there is no intent
            self._audit.denied(call.request, call.spec, outcome=outcome.outcome, reason=kind)
        return outcome, kind

    async def _recorded(self, provider: Provider, call: Admitted) -> tuple[CallOutcome, str]:
        """Run it; that something is to act is on record before it does, and how it came out after."""
        outcome, kind = CallOutcome("cancelled", "", None, call.arguments), "cancelled"
        try:
            async with self._slots.one(call.request.session_id):
                may_run, began = self._audit.intent(call), time.monotonic()
                try:
                    if call.spec.tier != "read":  # the conversation is resumed with it, whatever happens now
                        await self._store.flushed()
                    if await may_run:
                        outcome, kind = await self._run(provider, call)
                    else:
                        outcome, kind = CallOutcome("denied", UNRECORDED, None, call.arguments), "audit"
                finally:
                    self._audit.result(call, outcome, time.monotonic() - began)
        except NoSlot:
            return CallOutcome("error", "Too many functions are running; try again in a moment.", None, call.arguments), "busy"
        return outcome, kind

    async def _run(self, provider: Provider, call: Admitted) -> tuple[CallOutcome, str]:
        """Run it, whatever it does."""
        request, arguments = call.request, call.arguments
        session = None if request.session_id is None else self._actions(request.session_id)
        self._at_work[request.run_id, request.call_id] = call.spec
        try:
            async with filling(session, call.spec.options, self._nursery):
                reply = await provider.run(call, self._serve(call))
        except TimeoutError:
            text = f"The function {request.name} did not finish in time; whether it had an effect is unknown."
            return CallOutcome("timeout", text, None, arguments), "timeout"
        except WorkerGone as gone:
            if self._closed:
                return CallOutcome("cancelled", "The daemon is stopping.", None, arguments), "cancelled"
            _log.error("function_worker_gone", function=request.name, call_id=request.call_id, reason=str(gone))
            text = f"The function {request.name} failed: its process ended. Whether it had an effect is unknown."
            return CallOutcome("error", text, None, arguments), str(gone)
        except Exception:  # noqa: BLE001 - the function runner's guard: a call is settled whatever happens
            return self._broken(request)
        finally:
            del self._at_work[request.run_id, request.call_id]
        return read(reply, call, self._sentences, self._limits)

    def _broken(self, request: CallRequest) -> tuple[CallOutcome, str]:
        """A fault of ours, in an ``except`` block."""
        _log.exception("function_call_failed", function=request.name, call_id=request.call_id)
        return CallOutcome("error", internal(request.name)), "internal"

    def _serve(self, call: Admitted) -> Serve:
        owner = _stem(call.spec.place)

        async def serve(operation: str, asked: dict[str, Any]) -> Any:
            return await self.requests.serve(owner, call.request, operation, asked)

        return serve

    async def _finish_in_background(self, provider: Provider, call: Admitted) -> None:
        """Go on without the caller: the result is spoken when it is there."""
        started = time.monotonic()
        outcome, kind = await self._perform(provider, call)
        self._tallies.background(call.request, replace(outcome, duration_s=time.monotonic() - started), kind)
        await self._laters.speak(call.request.session_id or "", spoken(outcome))

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


@lru_cache(maxsize=256)
def _stem(place: str) -> str:
    """The handler file's name without its end."""
    return Path(place).stem
