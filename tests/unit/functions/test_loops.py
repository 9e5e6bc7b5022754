from agentd.functions.call import CallRequest
from agentd.functions.gate.loops import Loops
from tests.support.refusals import refusal


def call(name: str = "f", turn: int | None = 1, run: str | None = "r") -> CallRequest:
    return CallRequest("1", name, {}, session_id="s", run_id=run, turn=turn)


def passes(loops: Loops, request: CallRequest, key: bytes = b"{}") -> bool:
    rejected = refusal(lambda: loops.call(request, key, repeats=2, per_turn=4))
    if rejected is not None:
        assert (rejected.outcome, rejected.reason) == ("denied", "loop")
        assert "tell the user" in rejected.content
    return rejected is None


def test_the_same_call_is_stopped_and_another_is_not() -> None:
    loops = Loops()
    assert [passes(loops, call()) for _ in range(3)] == [True, True, False]
    assert passes(loops, call(), b'{"a":1}')
    assert passes(loops, call("g"))


def test_a_turn_has_so_many_calls() -> None:
    loops = Loops()
    assert [passes(loops, call(), str(n).encode()) for n in range(6)] == [True] * 4 + [False] * 2


def test_a_new_turn_and_another_run_begin_anew() -> None:
    loops = Loops()
    assert [passes(loops, call()) for _ in range(3)][-1] is False
    assert passes(loops, call(run="other"))
    assert passes(loops, call(turn=2))
    loops.end("r")
    assert [passes(loops, call(turn=2)) for _ in range(3)] == [True, True, False]


def test_what_belongs_to_no_turn_is_not_counted() -> None:
    loops = Loops()
    assert all(passes(loops, call(turn=None)) for _ in range(9))
    assert all(passes(loops, call(run=None)) for _ in range(9))


def test_a_call_that_was_taken_back_does_not_count() -> None:
    loops = Loops()
    for _ in range(9):
        assert passes(loops, call())
        loops.cancelled(call(), b"{}")
    loops.cancelled(call(), b"{}")
    loops.cancelled(call(turn=7), b"{}")
    assert [passes(loops, call()) for _ in range(3)] == [True, True, False]
