"""What an agent may call, by tier, caller, time of day and arguments. Pure: it looks at nothing but what it is given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Final

from agentd.config import AgentProfile
from agentd.functions.call import CallRequest, Rejected
from agentd.functions.registry import FunctionSpec

CALLER: Final = "caller"
"""The member of a session's metadata that makes it a telephone call; its value is the caller's number."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of the day, with its start and without its end; one that ends before it starts goes over midnight."""

    start: time
    end: time

    @classmethod
    def of(cls, text: str) -> "TimeSpan":
        """From ``"22:00-07:00"``."""
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
        return cls(start, end)

    def __contains__(self, now: time) -> bool:
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """The rules of one agent, as its profile has them now (``[agents.<name>]``). As it is made here it allows nothing high.

    Attributes:
        functions: names it may call; None for all.
        allow_high: names of tier high that it may ask for.
        unconfirmed_high: those of them that need no confirmation while the conversation is untainted.
        high_callers: telephone numbers from which ``allow_high`` counts.
        quiet_hours: when it calls nothing of the tiers medium and high, local time.
        argument_limits: the only values, by function and argument.
        confirmation_text: what is said while a call waits for its confirmation.
    """

    functions: frozenset[str] | None = None
    allow_high: frozenset[str] = frozenset()
    unconfirmed_high: frozenset[str] = frozenset()
    high_callers: frozenset[str] = frozenset()
    quiet_hours: tuple[TimeSpan, ...] = ()
    argument_limits: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    confirmation_text: str = ""

    @classmethod
    def of(cls, profile: AgentProfile) -> "AgentPolicy":
        """The rules that a profile states."""
        return cls(
            functions=None if profile.functions is None else frozenset(profile.functions),
            allow_high=frozenset(profile.allow_high),
            unconfirmed_high=frozenset(profile.unconfirmed_high) & frozenset(profile.allow_high),
            high_callers=frozenset(profile.high_callers),
            quiet_hours=tuple(map(TimeSpan.of, profile.quiet_hours)),
            argument_limits=profile.argument_limits,
            confirmation_text=profile.confirmation_text,
        )

    def offers(self, spec: FunctionSpec) -> bool:
        """Whether a model is told of the function, and may call it at all."""
        return (self.functions is None or spec.name in self.functions) and (spec.tier != "high" or spec.name in self.allow_high)


PolicyOf = Callable[[str | None], AgentPolicy]
"""The policy of an agent, read at every call; of None, and of an agent that is gone: one that allows nothing of tier high."""


def check_tier(policy: AgentPolicy, request: CallRequest, spec: FunctionSpec, now: time) -> None:
    """Refuse what the agent may not do, or not now, or not for this caller.

    Args:
        now: the local time of day.

    Raises:
        Rejected: with what the model should tell the user.
    """
    if spec.tier == "high":
        if request.agent is None:
            raise Rejected(
                "denied", f"The function {spec.name} is of tier high: it is called for an agent that is allowed to.", "tier"
            )
        if spec.name not in policy.allow_high:
            raise Rejected("denied", f"The function {spec.name} is not available to this agent.", "tier")
        caller = request.metadata.get(CALLER)
        if caller is not None and caller not in policy.high_callers:
            raise Rejected("denied", f"The function {spec.name} is not available to this caller. Tell the user so.", "tier")
    if not policy.offers(spec):
        raise Rejected("denied", f"The function {spec.name} is not available to this agent.", "not_allowed")
    if spec.tier in {"medium", "high"} and any(now in span for span in policy.quiet_hours):
        raise Rejected("denied", f"The function {spec.name} is not available in the quiet hours. Tell the user so.", "tier")


def check_arguments(policy: AgentPolicy, spec: FunctionSpec, arguments: Mapping[str, Any]) -> None:
    """Refuse argument values beyond the agent's limits. One that is limited must be given; of a list every item counts.

    Args:
        arguments: as they will be used, defaults included.

    Raises:
        Rejected: with the values there are.
    """
    for name, values in policy.argument_limits.get(spec.name, {}).items():
        given = list(_leaves(arguments.get(name)))
        if not given or not all(any(_same(item, value) for value in values) for item in given):
            allowed = ", ".join(str(value) for value in values) or "none"
            text = f"This agent may call {spec.name} only with {name} one of: {allowed}. Tell the user so."
            raise Rejected("denied", text, "tier")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is no 1, and a text is equal to the same characters only."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
