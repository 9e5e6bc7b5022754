"""A call from its request to its outcome: once, through the gate, in a place, on record, by whoever provides the function."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import structlog

from agentd.functions.audit import Audit
from agentd.functions.background import Background
from agentd.functions.call import CallOutcome, CallRequest, Rejected
from agentd.functions.fillers import filling
from agentd.functions.gate.gate import Gate
from agentd.functions.gate.once import Once
from agentd.functions.loaded import Loaded
from agentd.functions.provider import Admitted, Provider, Serve
from agentd.functions.registry import FunctionSpec
from agentd.functions.requests import Actions, Requests
from agentd.functions.results import internal, read, spoken
from agentd.functions.slots import NoSlot, Slots
from agentd.functions.tallies import Tallies
from agentd.functions.templates import Sentences
from agentd.functions.workers.process import WorkerGone
from agentd.metrics import Metrics
from agentd.store import Store
from agentd.supervise import Nursery

IN_BACKGROUND: Final = "It has been started and runs in the background. Its result will be told as soon as it is there."

UNRECORDED: Final = (
    "The function was not run: what it would do cannot be recorded, because the disk takes nothing now. Tell the user that it "
    "was not done, and that somebody must look at the machine agentd runs on."
)

_log = structlog.get_logger("agentd.functions")


class Runner:
    """Runs calls and settles each of them once.

    Args:
        gate: what every call passes; it has the limits that are in effect.
        loaded: what can be called.
        audit: is told of every call before it runs, and how it came out.
        store: has on the disk what was noted of a call before it acts.
        requests: serves what handlers ask for during their calls.
        actions: finds the live session a function acts in.
        speak: says in a session what came of a call in the background.
        metrics: count calls and denials.
        nursery: owns what goes on beside calls.

    Attributes:
        at_work: the function that runs for a call, by run and call id.
        tallies: how often each was called.
        closed: the daemon is stopping, and no process's end is a fault.
    """

    def __init__(
        self,
        gate: Gate,
        loaded: Loaded,
        *,
        audit: Audit,
        store: Store,
        requests: Requests,
        actions: Actions,
        speak: Callable[[str, str], Awaitable[object]],
        metrics: Metrics,
        nursery: Nursery,
    ) -> None:
        self.at_work: dict[tuple[str | None, str], FunctionSpec] = {}
        self.tallies = Tallies()
        self.closed = False
        self._gate = gate
        self._loaded = loaded
        self._audit = audit
        self._store = store
        self._requests = requests
        self._actions = actions
        self._speak = speak
        self._metrics = metrics
        self._nursery = nursery
        self._once: Once[tuple[CallRequest, CallOutcome]] = Once()
        self._slots = Slots(per_session=gate.limits.function_calls_per_session, total=gate.limits.function_calls)
        self._background = Background(nursery)
        self._sentences = Sentences()

    def run_ended(self, run_id: str) -> None:
        """Nobody can ask for the calls of that run again, and what it left in the background stops."""
        self._once.end(run_id)
        self._background.end(run_id)

    async def call(self, request: CallRequest) -> CallOutcome:
        """Run a call and settle it; the same id again gets the same outcome and runs nothing.

        Cancelling it stops the handler, which has a second to clean up. Raises nothing but CancelledError.
        """
        earlier = self._once.earlier(request.run_id, request.call_id)
        if earlier is not None:
            first, outcome = await asyncio.shield(earlier)
            if (first.name, first.arguments) == (request.name, request.arguments):
                return outcome
            self._audit.denied(request, self._loaded.offer.registry.specs.get(request.name), outcome="denied", reason="call_id")
            self._metrics.function_denied("call_id")
            return CallOutcome("denied", f"The call id {request.call_id[:64]!r} was used for another call.")
        settled = self._once.open(request.run_id, request.call_id)
        started = time.monotonic()
        outcome, kind = CallOutcome("cancelled", "The call was cancelled; its effect is unknown."), "cancelled"
        try:
            outcome, kind = await self._settle(request)
        except Exception:  # noqa: BLE001 - the function runner's guard: a call is settled and answered whatever happens
            outcome, kind = self._broken(request)
        finally:
            outcome = replace(outcome, duration_s=time.monotonic() - started)
            settled.set_result((request, outcome))
            self._gate.settled(request, outcome)
            self.tallies.settled(request, outcome, kind, known=request.name in self._loaded.offer.registry.specs)
            asyncio.get_running_loop().call_soon(self._measure, request.name, outcome, kind)  # once it is answered
        return outcome

    def _measure(self, name: str, outcome: CallOutcome, kind: str) -> None:
        self._metrics.function_call(name, outcome.outcome, outcome.duration_s)
        if outcome.outcome == "denied":
            self._metrics.function_denied(kind)

    async def _settle(self, request: CallRequest) -> tuple[CallOutcome, str]:
        """The outcome, and in a word what kind of trouble it was."""
        if not self._loaded.ready:
            return CallOutcome("denied", "The functions are not loaded yet."), "closed"
        try:
            call = await self._gate.admit(request, lambda: self._loaded.offer)
        except Rejected as rejected:
            spec = self._loaded.offer.registry.specs.get(request.name)
            self._audit.denied(request, spec, outcome=rejected.outcome, reason=rejected.reason)
            return CallOutcome(rejected.outcome, rejected.content), rejected.reason
        if isinstance(call, CallOutcome):  # of the same call, before
            return call, ""
        provider = self._loaded.offer.providers[call.spec.name]
        if call.spec.options.background and request.session_id is not None:
            self._background.start(request.run_id, self._finish_in_background(provider, call), name=call.spec.name)
            return CallOutcome("ok", IN_BACKGROUND, IN_BACKGROUND, call.arguments), ""
        return await self._perform(provider, call)

    async def _perform(self, provider: Provider, call: Admitted) -> tuple[CallOutcome, str]:
        """Run what the gate has let pass."""
        outcome, kind = await self._gate.perform(call, lambda: self._recorded(provider, call))
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
        self.at_work[request.run_id, request.call_id] = call.spec
        try:
            async with filling(session, call.spec.options, self._nursery):
                reply = await provider.run(call, self._serve(call))
            return read(reply, call, self._sentences, self._gate.limits)
        except TimeoutError:
            text = f"The function {request.name} did not finish in time; whether it had an effect is unknown."
            return CallOutcome("timeout", text, None, arguments), "timeout"
        except WorkerGone as gone:
            if self.closed:
                return CallOutcome("cancelled", "The daemon is stopping.", None, arguments), "cancelled"
            _log.error("function_worker_gone", function=request.name, call_id=request.call_id, reason=str(gone))
            text = f"The function {request.name} failed: its process ended. Whether it had an effect is unknown."
            return CallOutcome("error", text, None, arguments), str(gone)
        except Exception:  # noqa: BLE001 - here already, so that the audit tells of an error and not of a cancelled call
            return self._broken(request)
        finally:
            del self.at_work[request.run_id, request.call_id]

    def _broken(self, request: CallRequest) -> tuple[CallOutcome, str]:
        """A fault of ours, in an ``except`` block."""
        _log.exception("function_call_failed", function=request.name, call_id=request.call_id)
        return CallOutcome("error", internal(request.name)), "internal"

    def _serve(self, call: Admitted) -> Serve:
        owner = _stem(call.spec.place)

        async def serve(operation: str, asked: dict[str, Any]) -> Any:
            return await self._requests.serve(owner, call.request, operation, asked)

        return serve

    async def _finish_in_background(self, provider: Provider, call: Admitted) -> None:
        """Go on without the caller: the result is spoken when it is there."""
        started = time.monotonic()
        outcome, kind = await self._perform(provider, call)
        self.tallies.background(call.request, replace(outcome, duration_s=time.monotonic() - started), kind)
        await self._speak(call.request.session_id or "", spoken(outcome))


@lru_cache(maxsize=256)
def _stem(place: str) -> str:
    """The handler file's name without its end."""
    return Path(place).stem
