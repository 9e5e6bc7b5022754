from datetime import time
from typing import Any

import pytest
from pydantic import ValidationError

from agentd.config import AgentProfile
from agentd.functions.call import CallRequest, Rejected
from agentd.functions.gate.policy import AgentPolicy, TimeSpan, check_arguments, check_tier
from agentd.functions.registry import FunctionSpec
from tests.support.refusals import refusal

NOON, NIGHT = time(12), time(23)


def spec(tier: str, name: str = "unlock") -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, tier, 10.0, "a.py")  # type: ignore[arg-type] # a plain str stands for the literal


def request(agent: str | None = "home", **metadata: str) -> CallRequest:
    return CallRequest("1", "unlock", {}, session_id="s", run_id="r", agent=agent, metadata=metadata)


def reason(policy: AgentPolicy, tier: str, *, call: CallRequest | None = None, now: time = NOON) -> str:
    """Why it is refused; empty when it may be called."""
    rejected = refusal(lambda: check_tier(policy, call or request(), spec(tier), now))
    assert rejected is None or rejected.outcome == "denied"
    return "" if rejected is None else rejected.reason


@pytest.mark.parametrize("tier", ["read", "low", "medium"])
def test_everything_below_high_is_free_by_default(tier: str) -> None:
    assert reason(AgentPolicy(), tier) == ""


def test_high_is_denied_unless_the_agent_is_allowed_it_by_name() -> None:
    assert reason(AgentPolicy(), "high") == "tier"
    assert reason(AgentPolicy(allow_high=frozenset({"lock"})), "high") == "tier"
    assert reason(AgentPolicy(allow_high=frozenset({"unlock"})), "high") == ""
    assert reason(AgentPolicy(allow_high=frozenset({"unlock"})), "high", call=request(None)) == "tier"


def test_being_allowed_high_is_not_being_offered_it() -> None:
    policy = AgentPolicy(functions=frozenset({"lock"}), allow_high=frozenset({"unlock"}))
    assert not policy.offers(spec("high"))
    assert reason(policy, "high") == "not_allowed"


def test_a_telephone_call_needs_a_number_that_is_listed() -> None:
    policy = AgentPolicy(allow_high=frozenset({"unlock"}), high_callers=frozenset({"+4312345"}))
    assert reason(policy, "high", call=request(caller="+4312345")) == ""
    for number in ("+43123456", "", "+43 12345", "anonymous"):
        assert reason(policy, "high", call=request(caller=number)) == "tier"
        assert reason(policy, "medium", call=request(caller=number)) == ""


def test_quiet_hours_are_for_what_is_felt() -> None:
    policy = AgentPolicy(allow_high=frozenset({"unlock"}), quiet_hours=(TimeSpan.of("22:00-07:00"),))
    assert [reason(policy, tier, now=NIGHT) for tier in ("read", "low", "medium", "high")] == ["", "", "tier", "tier"]
    assert [reason(policy, tier, now=NOON) for tier in ("medium", "high")] == ["", ""]


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        ("22:00-07:00", [time(22), time(0), time(6, 59, 59)], [time(21, 59, 59), time(7), time(12)]),
        ("13:00-15:00", [time(13), time(14, 59)], [time(12, 59), time(15), time(0)]),
    ],
)
def test_a_span_has_its_start_and_not_its_end(span: str, inside: list[time], outside: list[time]) -> None:
    assert all(now in TimeSpan.of(span) for now in inside)
    assert not any(now in TimeSpan.of(span) for now in outside)


@pytest.mark.parametrize("span", ["22-7", "22:00", "25:00-07:00", "07:00-07:00", "", "22:00-07:00-08:00", "22:00Z-07:00"])
def test_a_span_that_is_none_is_a_fault_of_the_configuration(span: str) -> None:
    with pytest.raises(ValidationError, match="quiet_hours"):
        AgentProfile(quiet_hours=(span,))


LIMITED = AgentPolicy(argument_limits={"unlock": {"door": ("shed", 1, True)}})


@pytest.mark.parametrize("given", ["shed", ["shed"], ["shed", "shed"], [["shed"]], 1, 1.0, True])
def test_values_within_the_limits_pass(given: Any) -> None:
    check_arguments(LIMITED, spec("low"), {"door": given})


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"door": None},
        {"door": []},
        {"door": "front"},
        {"door": ["shed", "front"]},
        {"door": [["front"]]},
        {"door": {"shed": "front"}},
        {"door": "Shed"},
        {"door": "shed "},
        {"door": "ѕhed"},  # noqa: RUF001 - a Cyrillic letter, as an attacker writes it
        {"door": 0},
        {"door": False},
        {"Door": "shed"},
    ],
)
def test_values_beyond_the_limits_are_denied(arguments: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="only with door one of: shed, 1, True"):
        check_arguments(LIMITED, spec("low"), arguments)


def test_limits_are_for_the_function_they_name() -> None:
    check_arguments(LIMITED, spec("low", "lock"), {"door": "front"})


def test_a_profile_states_its_policy() -> None:
    profile = AgentProfile(
        functions=("unlock", "lock"),
        allow_high=("unlock",),
        unconfirmed_high=("unlock", "buy"),
        high_callers=("+43",),
        quiet_hours=("22:00-07:00",),
        argument_limits={"unlock": {"door": ("shed",)}},
    )
    policy = AgentPolicy.of(profile)
    assert policy.unconfirmed_high == {"unlock"}, "what is not allowed needs no confirmation either: it is never called"
    assert policy.functions == frozenset({"unlock", "lock"})
    assert (policy.allow_high, policy.high_callers) == (frozenset({"unlock"}), frozenset({"+43"}))
    assert policy.quiet_hours == (TimeSpan(time(22), time(7)),)
    assert policy.argument_limits["unlock"]["door"] == ("shed",)
    assert policy.confirmation_text
