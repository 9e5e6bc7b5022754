"""Functions that a client of the API runs: a call is published, and the first answer settles it."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from agentd.errors import CallNotFound, Conflict
from agentd.functions.call import CallOutcome
from tests.support.handlers import Bench, eventually, within

pytestmark = pytest.mark.e2e

TABLE: dict[str, Any] = {
    "description": "Switch the beamer.",
    "parameters": {"on": "boolean", "room": {"type": "string", "default": "hall"}},
    "tier": "low",
    "examples": ["beamer on"],
}


async def start(bench: Bench, **more: Any) -> None:
    bench.config["delegated"] = {"set_beamer": TABLE | more}
    await bench.start()


async def asked(bench: Bench, call_id: str = "d1") -> "asyncio.Task[CallOutcome]":
    """A call that has been published."""
    before = len(bench.session.did)
    call = asyncio.create_task(bench.call("set_beamer", call_id=call_id, on=True))  # noqa: TID251 - the test's own
    while len(bench.session.did) == before:
        bench.session.changed.clear()
        await within(30, bench.session.changed.wait())
    return call


async def test_a_call_is_published_with_all_that_its_client_needs(bench: Bench) -> None:
    await start(bench)
    (spec,) = bench.functions.registry.specs.values()
    assert (spec.kind, spec.place, spec.timeout_s) == ("delegated", "[functions.delegated.set_beamer]", 30)
    call = await asked(bench)
    ((_, type_, data),) = bench.session.did
    expires = datetime.fromisoformat(data.pop("expires_at")).timestamp()
    assert (type_, data) == (
        "FunctionCallDelegated",
        {"call_id": "d1", "name": "set_beamer", "arguments": {"on": True, "room": "hall"}},
    )
    assert expires == pytest.approx(time.time() + 30, abs=10)
    bench.functions.answer_delegated("run", "d1", result={"room": "hall", "on": True})
    outcome = await within(30, call)
    assert (outcome.outcome, outcome.result) == ("ok", {"room": "hall", "on": True})


async def test_an_error_is_told_to_the_model_in_the_clients_words(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    bench.functions.answer_delegated("run", "d1", error="The beamer has no power.")
    outcome = await within(30, call)
    assert (outcome.outcome, outcome.content) == ("error", "The beamer has no power.")


async def test_a_large_answer_is_kept_to_what_a_result_may_have(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    bench.functions.answer_delegated("run", "d1", result=["x" * 100] * 2_000)
    outcome = await within(30, call)
    assert (outcome.outcome, len(outcome.result)) == ("ok", 16_384)


async def test_the_first_answer_counts(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    bench.functions.answer_delegated("run", "d1", result="first")
    with pytest.raises(Conflict, match="it has been answered"):
        bench.functions.answer_delegated("run", "d1", result="second")
    assert (await within(30, call)).content == "first"
    with pytest.raises(Conflict, match="it has been answered"):
        bench.functions.answer_delegated("run", "d1", error="third")


async def test_nobody_answers_in_time(bench: Bench) -> None:
    await start(bench, timeout_s=0.1)
    outcome = await within(30, await asked(bench))
    assert outcome.outcome == "timeout"
    with pytest.raises(Conflict, match=r"nobody answered within 0\.1 s"):
        bench.functions.answer_delegated("run", "d1", result="late")


async def test_a_cancelled_call_takes_no_answer(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    call.cancel()
    await asyncio.wait({call})
    with pytest.raises(Conflict, match="cancelled"):
        bench.functions.answer_delegated("run", "d1", result="late")


async def test_a_call_that_never_was_and_one_of_another_run_are_not_found(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    for run_id, call_id in ("run", "d2"), ("other", "d1"):
        with pytest.raises(CallNotFound):
            bench.functions.answer_delegated(run_id, call_id, result="x")
    bench.functions.answer_delegated("run", "d1", result="x")
    assert (await within(30, call)).outcome == "ok"


async def test_calls_side_by_side_are_settled_each_by_its_own_answer(bench: Bench) -> None:
    await start(bench)
    first, second = await asked(bench, "d1"), await asked(bench, "d2")
    bench.functions.answer_delegated("run", "d2", result="two")
    bench.functions.answer_delegated("run", "d1", result="one")
    assert [(await within(30, call)).content for call in (first, second)] == ["one", "two"]


async def test_an_open_call_may_be_answered_after_a_reload(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    await bench.functions.reload(config={})
    assert "set_beamer" not in bench.functions.registry.specs
    bench.functions.answer_delegated("run", "d1", result="done")
    assert (await within(30, call)).content == "done"


async def test_without_a_conversation_there_is_nobody_to_ask(bench: Bench) -> None:
    await start(bench)
    outcome = await bench.call("set_beamer", session_id=None, on=True)
    assert (outcome.outcome, "this call has none" in outcome.content) == ("error", True)


async def test_wrong_arguments_are_not_published(bench: Bench) -> None:
    await start(bench)
    outcome = await bench.call("set_beamer", on="yes")
    assert outcome.outcome == "invalid"
    assert not bench.session.did


async def test_closing_the_daemon_cancels_what_waits(bench: Bench) -> None:
    await start(bench)
    call = await asked(bench)
    await bench.close()
    del bench.functions
    await within(30, asyncio.wait({call}))
    assert call.cancelled()


async def test_a_table_whose_parameters_are_no_schema_is_a_problem(bench: Bench) -> None:
    await start(bench, parameters={"on": "bool"})
    (problem,) = bench.functions.registry.problems
    assert (problem.place, "'bool' is no type" in problem.reason) == ("[functions.delegated.set_beamer]", True)


async def test_a_planned_call_is_answered_in_the_run_it_happens_in(bench: Bench) -> None:
    bench.write(
        "plans.py",
        """
        @function(tier="low")
        async def plan(ctx: CallContext) -> str:
            "Plan it."
            return await ctx.later(0, call="set_beamer", arguments={"on": True})
        """,
    )
    await start(bench)
    plan = replace(bench.request("plan"), run_id="an earlier run")
    id_ = (await bench.functions.call(plan)).result
    while not bench.session.did:
        await within(5, bench.session.changed.wait())
    assert bench.session.did[0][2]["call_id"] == id_
    assert bench.functions.answer_delegated("run", id_, result="on") == "set_beamer"
    await eventually(lambda: bench.functions.counters["set_beamer"]["ok"] == 1, "it is settled")
