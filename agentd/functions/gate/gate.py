"""The gate: the checks every call passes before its function sees it, whichever way it came in, and what follows from it.

One step after the other, each in a module of its own: the exact name; the allow-list; the arguments' size and form; the kill
switch (``switch``); tier, caller, time of day (``policy``); how often (``rates``); again and again (``loops``); the
arguments as they will be used; their limits (``policy``); the same call before (``duplicates``); a confirmation
(``confirm``), unless the conversation may do without (``taint``). A call that nothing here waits for takes some microseconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from agentd.config import LimitSettings
from agentd.functions.call import CallOutcome, CallRequest, InvalidArguments, Rejected, canonical
from agentd.functions.gate.confirm import Confirmations
from agentd.functions.gate.duplicates import Duplicates
from agentd.functions.gate.loops import Loops
from agentd.functions.gate.policy import CALLER, AgentPolicy, PolicyOf, check_arguments, check_tier
from agentd.functions.gate.rates import Rates, Ticket
from agentd.functions.gate.switch import Disabled, Switch
from agentd.functions.gate.taint import Taint, wrapped
from agentd.functions.provider import Admitted, Offer
from agentd.functions.registry import FunctionSpec, Registry
from agentd.functions.workers.process import WorkerGone
from agentd.protocol.depth import deeper_than
from agentd.store import Store

CHECK_S: Final = 10.0
"""Reading the arguments may wait for a free worker, but not longer."""

_SHOWN_CHARS: Final = 64

Work = Callable[[], Awaitable[tuple[CallOutcome, str]]]
"""Runs a call: its outcome, and in a word what kind of trouble it was."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A call on its way."""

    key: bytes
    ticket: Ticket | None = None


class Gate:
    """Lets a call pass, or says why not.

    Args:
        limits: in effect now.
        store: keeps the kill switch.
        policy_of: the rules of an agent as they are now.
        clock: seconds, monotonic.
        now: the local time of day.

    Attributes:
        limits, policy_of: may be changed.
        confirmations: those that wait.
        switch: the kill switch.
        taint: which runs have been told something from outside.
    """

    def __init__(
        self,
        limits: LimitSettings,
        store: Store,
        policy_of: PolicyOf = lambda _: AgentPolicy(),
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.limits = limits
        self.policy_of = policy_of
        self.confirmations = Confirmations()
        self.switch = Switch(store, disabled=self.confirmations.deny_all)
        self.taint = Taint()
        self._now = now
        self._rates = Rates(clock)
        self._loops = Loops()
        self._duplicates = Duplicates()
        self._open: dict[tuple[str | None, str], _Open] = {}

    async def admit(self, request: CallRequest, offer: Callable[[], Offer]) -> Admitted | CallOutcome:
        """The call as it may be run, or the outcome of the same call before.

        Rights are asked here, at the time of the call: what a model was told about earlier gives none. They are asked once
        more when something was waited for. ``settled`` must be told the outcome, whatever this comes to.

        Args:
            offer: what can be called now.

        Raises:
            Rejected: unknown, denied, or arguments that do not fit.
        """
        spec = named(request, offer().registry)
        arguments = read_arguments(request.arguments, self.limits.function_args_bytes, self.limits.json_depth)
        key = canonical(arguments)
        policy = self._allowed(request, spec)
        self._rates.call(request, spec, self.limits.function_calls_per_minute)
        limits = self.limits
        self._loops.call(request, key, repeats=limits.function_repeats, per_turn=limits.function_calls_per_turn)
        self._open[request.run_id, request.call_id] = _Open(key)
        answered = spec.options.on_duplicate == "answer"
        if spec.tier != "high" and not answered and spec.name not in policy.argument_limits:
            return Admitted(request, spec, arguments)
        return await self._considered(request, spec, arguments, offer, policy)

    async def perform(self, call: Admitted, work: Work) -> tuple[CallOutcome, str]:
        """Run what was let pass: the kill switch stops it, and what comes from outside is marked."""
        spec, outside = call.spec, call.spec.options.untrusted_output
        if outside:  # before it runs: what it says while it runs is from outside too
            self.taint.mark(call.request.run_id)
        try:
            async with self.switch.stopping(spec):
                outcome, kind = await work()
        except Rejected as rejected:
            return CallOutcome(rejected.outcome, rejected.content, None, call.arguments), rejected.reason
        except Disabled:
            text = f"Actions were switched off while {spec.name} ran; whether it had an effect is unknown. Tell the user so."
            return CallOutcome("cancelled", text, None, call.arguments), "actions_disabled"
        if outside and outcome.outcome in {"ok", "error"}:
            outcome = wrapped(outcome, self.limits.function_result_bytes)
        return outcome, kind

    def settled(self, request: CallRequest, outcome: CallOutcome) -> None:
        """A call that was here has its outcome."""
        opened = self._open.pop((request.run_id, request.call_id), None)
        self._duplicates.settled(request, outcome)
        if opened is not None and outcome.outcome == "cancelled":
            self._loops.cancelled(request, opened.key)

    def run_started(self, run_id: str, *, tainted: bool) -> None:
        """A run begins; ``tainted`` when it goes on from one that was."""
        self.taint.begin(run_id, tainted=tainted)

    def run_ended(self, run_id: str) -> None:
        """A run is over: what waits for it is withdrawn, and it is forgotten."""
        self.confirmations.run_ended(run_id)
        self.taint.end(run_id)
        self._loops.end(run_id)
        self._duplicates.end(run_id)

    def _allowed(self, request: CallRequest, spec: FunctionSpec) -> AgentPolicy:
        """The agent's rules, if they allow the call now."""
        self.switch.check(spec)
        policy = self.policy_of(request.agent)
        check_tier(policy, request, spec, self._now().time())
        return policy

    async def _considered(
        self, request: CallRequest, spec: FunctionSpec, given: dict[str, Any], offer: Callable[[], Offer], policy: AgentPolicy
    ) -> Admitted | CallOutcome:
        """The steps that wait for something."""
        arguments = await _checked(spec, given, offer())
        check_arguments(policy, spec, arguments)
        if spec.options.on_duplicate == "answer":
            earlier = await self._duplicates.earlier(request, canonical(arguments))
            if earlier is not None:
                return earlier
        if spec.tier == "high":
            policy = self._allowed(request, spec)
            await self._confirmed(request, spec, arguments, policy)
        if named(request, offer().registry) != spec:
            raise Rejected("denied", f"The function {spec.name} was changed meanwhile; it was not done. Call it again.")
        check_arguments(self._allowed(request, spec), spec, arguments)
        return Admitted(request, spec, arguments)

    async def _confirmed(self, request: CallRequest, spec: FunctionSpec, arguments: dict[str, Any], policy: AgentPolicy) -> None:
        """Return once a call of tier high may run.

        A number can be forged: no call by telephone goes without confirmation.
        """
        ticket = self._rates.high(request.agent, self.limits.high_calls_per_hour)
        trusted = not request.tainted and request.run_id not in self.taint and CALLER not in request.metadata
        if spec.name in policy.unconfirmed_high and trusted:
            return
        try:
            await self.confirmations.confirm(
                request,
                spec,
                arguments,
                text=policy.confirmation_text,
                limit_s=self.limits.confirmation_s,
                most=self.limits.confirmations,
            )
        except asyncio.CancelledError:
            self._rates.give_back(ticket)
            raise


def named(request: CallRequest, registry: Registry) -> FunctionSpec:
    """The function that is called, if the caller may.

    Raises:
        Rejected: unknown or denied.
    """
    spec = registry.specs.get(request.name)
    if spec is None:
        offered = sorted(name for name in registry.specs if request.allowed is None or name in request.allowed)
        raise Rejected(
            "unknown", f"There is no function {request.name[:_SHOWN_CHARS]!r}. There are: {', '.join(offered) or 'none'}."
        )
    if request.allowed is not None and spec.name not in request.allowed:
        raise Rejected("denied", f"The function {spec.name} is not available to this agent.", "not_allowed")
    return spec


def read_arguments(given: str | dict[str, Any], limit_bytes: int, levels: int) -> dict[str, Any]:
    """The arguments as an object.

    Raises:
        Rejected: they are no JSON object of bearable size and depth.
    """
    text = given if isinstance(given, str) else None
    try:
        size = len(orjson.dumps(given) if text is None else text.encode())
        if size > limit_bytes:
            raise Rejected("invalid", f"The arguments are too large: {size} bytes, at most {limit_bytes}.")
        read = given if text is None else orjson.loads(text or "{}")
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise Rejected("invalid", f"The arguments are not JSON: {error}.") from None
    if not isinstance(read, dict):
        raise Rejected("invalid", f"The arguments must be one JSON object, not {type(read).__name__}.")
    if deeper_than(read, levels):
        raise Rejected("invalid", f"The arguments are nested deeper than {levels} levels.")
    return read


async def _checked(spec: FunctionSpec, given: dict[str, Any], offer: Offer) -> dict[str, Any]:
    """The arguments as they will be used.

    Raises:
        Rejected: they do not fit, or nobody could say.
    """
    try:
        async with asyncio.timeout(CHECK_S):
            return await offer.providers[spec.name].check(spec, given)
    except InvalidArguments as invalid:
        text = f"The arguments of {spec.name} do not fit: {invalid}. Correct them and call again."
        raise Rejected("invalid", text) from None
    except (TimeoutError, WorkerGone):
        raise Rejected("error", f"The arguments of {spec.name} could not be checked; it was not done.") from None
