import pytest

from agentd.functions.call import CallRequest, Rejected
from agentd.functions.gate.rates import SWEEP_AT, Rates
from agentd.functions.options import Options
from agentd.functions.registry import FunctionSpec
from tests.support.refusals import refusal


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def spec(name: str = "f", per_minute: int | None = None) -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, "low", 10.0, "a.py", options=Options(per_minute=per_minute))


def passes(rates: Rates, *, function: FunctionSpec | None = None, run: str | None = "r", per_minute: int = 3) -> bool:
    call = CallRequest("1", "f", {}, session_id="s", run_id=run)
    rejected = refusal(lambda: rates.call(call, function or spec(), per_minute))
    assert rejected is None or (rejected.outcome, rejected.reason) == ("denied", "rate")
    return rejected is None


def test_so_many_calls_a_minute_and_no_more() -> None:
    clock = Clock()
    rates = Rates(clock)
    assert [passes(rates) for _ in range(5)] == [True, True, True, False, False]
    clock.s += 59.9
    assert not passes(rates)
    clock.s += 0.2
    assert [passes(rates) for _ in range(4)] == [True, True, True, False]


def test_each_function_and_each_run_has_its_own_minute() -> None:
    rates = Rates(Clock())
    assert [passes(rates) for _ in range(4)][-1] is False
    assert passes(rates, function=spec("g"))
    assert passes(rates, run="t")


def test_a_function_may_declare_its_own_number() -> None:
    rates = Rates(Clock())
    assert [passes(rates, function=spec(per_minute=1)) for _ in range(2)] == [True, False]
    assert [passes(rates, function=spec("g", per_minute=5)) for _ in range(6)].count(True) == 5


def test_outside_a_session_nothing_is_counted() -> None:
    rates = Rates(Clock())
    assert all(passes(rates, run=None) for _ in range(10))


def test_the_model_is_told_how_long_to_wait() -> None:
    clock = Clock()
    rates = Rates(clock)
    assert passes(rates, per_minute=1)
    clock.s += 20
    with pytest.raises(Rejected, match="in the next 41 seconds"):
        rates.call(CallRequest("1", "f", {}, session_id="s", run_id="r"), spec(), 1)


def test_an_agent_asks_for_so_many_high_calls_an_hour() -> None:
    clock = Clock()
    rates = Rates(clock)
    for _ in range(3):
        rates.high("home", 3)
    with pytest.raises(Rejected, match="in 61 minutes"):
        rates.high("home", 3)
    rates.high("other", 3)
    clock.s += 3601
    rates.high("home", 3)


def test_a_place_that_is_given_back_is_free_again() -> None:
    rates = Rates(Clock())
    ticket = rates.high("home", 1)
    rates.give_back(ticket)
    rates.give_back(ticket)
    rates.high("home", 1)
    with pytest.raises(Rejected):
        rates.high("home", 1)


def test_sessions_that_are_over_leave_nothing_behind() -> None:
    clock = Clock()
    rates = Rates(clock)
    for n in range(SWEEP_AT):
        assert passes(rates, run=f"r{n}")
    clock.s += 61
    assert passes(rates, run="new")
    assert len(rates._minutes) == 1
