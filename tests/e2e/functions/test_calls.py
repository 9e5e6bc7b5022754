import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from agentd.errors import InjectionRefused
from agentd.functions.call import CallOutcome
from tests.support.handlers import Bench, eventually, within

pytestmark = pytest.mark.e2e

RESULTS = """
from dataclasses import dataclass
from datetime import date
from pydantic import BaseModel

class Order(BaseModel):
    id: str
    on: date

@function(tier="read")
async def words() -> str:
    "Words."
    return "grün and done"

@function(tier="read")
async def nothing() -> None:
    "Nothing."

@function(tier="read")
def order() -> Order:
    "A model."
    return Order(id="A-1", on=date(2026, 1, 2))

@function(tier="read")
async def shown(ctx: CallContext, n: int, where: str = "here") -> dict[str, Any]:
    "What came in."
    facts = [ctx.call_id, ctx.function, ctx.session_id, ctx.run_id, ctx.agent, ctx.metadata, ctx.config]
    return {"n": n, "where": where, "facts": facts}

@function(tier="read")
def fails() -> str:
    "Fails in words."
    raise FunctionError("The lamp is not plugged in.")

@function(tier="read")
def breaks() -> str:
    "Fails by accident."
    raise ValueError("secret detail")

@function(tier="read")
def asks(room: str = "") -> str:
    "Asks."
    if not room:
        raise AskUser("Which room?", argument="room")
    return room

@function(tier="read")
async def leaves() -> str:
    "Ends the interpreter."
    sys.exit(4)
"""


async def test_results_reach_the_model_as_words_or_json(bench: Bench) -> None:
    bench.config["results"] = {"token": "t"}
    bench.write("results.py", RESULTS)
    await bench.start()

    assert (await bench.call("words")).content == "grün and done"
    assert (await bench.call("nothing")).content == "Done."

    order = await bench.call("order")
    assert order.result == {"id": "A-1", "on": "2026-01-02"}
    assert json.loads(order.content) == order.result

    shown = await bench.call("shown", n="5", call_id="id-1")
    facts = ["id-1", "shown", "s", "run", "home", {"room": "kitchen"}, {"token": "t"}]
    assert shown.result == {"n": 5, "where": "here", "facts": facts}
    assert shown.arguments == {"n": "5"}


SENTENCES = """
@function(tier="read", result="The {room} lamp is {state}.")
def lamp(room: str, more: int = 0) -> dict[str, Any]:
    "Tell how a lamp is."
    return {"room": room, "state": "on", "more": "x" * more} if room != "attic" else {"room": room}
"""


async def test_a_result_object_gets_the_sentence_that_is_spoken_of_it(bench: Bench) -> None:
    bench.write("lamps.py", SENTENCES)
    await bench.start()
    answer = await bench.call("lamp", room="kitchen")
    assert answer.result == {"say": "The kitchen lamp is on.", "room": "kitchen", "state": "on", "more": ""}
    assert json.loads(answer.content) == answer.result
    assert (await bench.call("lamp", room="attic")).result == {"room": "attic"}
    full = await bench.call("lamp", room="kitchen", more=16_330)
    assert "say" not in full.result
    assert json.loads(full.content) == full.result


async def test_only_a_function_error_tells_the_model_why(bench: Bench) -> None:
    bench.write("results.py", RESULTS)
    await bench.start()
    assert await outcome(bench.call("fails")) == ("error", "The lamp is not plugged in.")
    for name in ("breaks", "leaves"):
        assert await outcome(bench.call(name)) == ("error", f"The function {name} failed because of an internal error.")
    assert bench.functions.counters["breaks"]["last_error"]["kind"] == "ValueError"
    assert "secret" not in json.dumps(bench.functions.counters)


@pytest.mark.parametrize("place", ["gate.gate.Gate.admit", "slots.Slots.one", "audit.trail.Audit.intent", "runner.read"])
async def test_a_defect_of_ours_on_the_way_is_an_error_in_words_and_the_next_call_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    bench.write("results.py", RESULTS)
    await bench.start()
    with monkeypatch.context() as patch:
        patch.setattr(f"agentd.functions.{place}", Mock(side_effect=RuntimeError("secret detail")))
        assert await outcome(bench.call("words")) == ("error", "The function words failed because of an internal error.")
    assert bench.functions.counters["words"]["last_error"]["kind"] == "internal"
    assert await outcome(bench.call("words")) == ("ok", "grün and done")


async def test_a_question_for_the_user_ends_the_call_and_tells_the_model_to_ask(bench: Bench) -> None:
    bench.write("results.py", RESULTS)
    await bench.start()
    asked = await bench.call("asks")
    assert asked.outcome == "ok"
    assert asked.result["say"] == "Which room?"
    assert asked.result["awaiting"] == "room"
    assert "call asks again" in asked.content
    assert (await bench.call("asks", room="kitchen")).content == "kitchen"


async def test_wrong_arguments_never_reach_the_handler(bench: Bench) -> None:
    bench.write("results.py", RESULTS)
    await bench.start()
    wrong = await bench.call("shown", n="many", colour="red")
    assert wrong.outcome == "invalid"
    assert "n: Input should be a valid integer" in wrong.content
    assert "there is no argument colour" in wrong.content
    assert (await bench.call("shown")).content.startswith("The arguments of shown do not fit: n is required")


async def test_calls_are_counted_by_outcome_and_inventions_under_one_name(bench: Bench) -> None:
    bench.write("results.py", RESULTS)
    await bench.start()
    await bench.call("words")
    await bench.call("fails")
    for number in range(3):
        assert (await bench.call(f"invented_{number}")).outcome == "unknown"
    counters = bench.functions.counters
    assert (counters["words"]["calls"], counters["words"]["ok"], counters["words"]["last_error"]) == (1, 1, None)
    assert (counters["fails"]["error"], counters["fails"]["last_error"]["outcome"]) == (1, "error")
    assert counters["other"]["unknown"] == 3
    assert not [name for name in counters if name.startswith("invented")]


COUNTING = """
@function(tier="low")
async def count(ctx: CallContext, wait: float = 0) -> int:
    "Count up."
    with open(FILE, "a") as file:
        file.write("x")
    await asyncio.sleep(wait)
    return os.path.getsize(FILE)
"""


async def test_the_same_call_id_never_runs_twice(bench: Bench, tmp_path: Path) -> None:
    bench.write("counting.py", COUNTING.replace("FILE", repr(str(tmp_path / "count"))))
    await bench.start()
    at_once = await asyncio.gather(*(bench.call("count", call_id="one", wait=0.1) for _ in range(20)))
    later = await bench.call("count", call_id="one", wait=0.1)
    assert {answer.result for answer in (*at_once, later)} == {1}
    assert bench.functions.counters["count"]["calls"] == 1
    assert (await bench.call("count", call_id="two")).result == 2


async def test_a_call_id_that_comes_with_other_arguments_is_denied(bench: Bench, tmp_path: Path) -> None:
    bench.write("counting.py", COUNTING.replace("FILE", repr(str(tmp_path / "count"))))
    await bench.start()
    await bench.call("count", call_id="one")
    assert (await bench.call("count", call_id="one", wait=1)).outcome == "denied"
    assert (tmp_path / "count").read_text() == "x"


async def test_calls_of_one_request_run_side_by_side(bench: Bench) -> None:
    bench.write(
        "meet.py",
        """
        @function(tier="low", timeout_s=60)
        async def meet(ctx: CallContext, me: str, other: str) -> str:
            "Wait until the other is here too."
            await ctx.store.set(me, True)
            while not await ctx.store.get(other):
                await asyncio.sleep(0.01)
            return "met"
        """,
    )
    await bench.start()
    first, second = await asyncio.gather(bench.call("meet", me="a", other="b"), bench.call("meet", me="b", other="a"))
    assert (first.content, second.content) == ("met", "met")


async def test_calls_beyond_the_limit_of_a_session_wait_and_all_are_answered(bench: Bench, tmp_path: Path) -> None:
    bench.limits.update(function_calls_per_session=2, function_calls=3)
    bench.write("counting.py", COUNTING.replace("FILE", repr(str(tmp_path / "count"))))
    await bench.start()
    outcomes = await asyncio.gather(*(bench.call("count", wait=0.02) for _ in range(12)))
    assert {answer.outcome for answer in outcomes} == {"ok"}
    assert len((tmp_path / "count").read_text()) == 12


async def test_a_worker_is_replaced_after_its_share_of_calls(bench: Bench) -> None:
    bench.limits["function_worker_calls"] = 3
    bench.write("pid.py", '@function(tier="read")\ndef pid() -> int:\n    "Tell."\n    return os.getpid()\n')
    await bench.start()
    pids = [(await bench.call("pid")).result for _ in range(7)]
    assert len(set(pids[:3])) == 1
    assert len(set(pids)) >= 3


ACTING = """
@function(tier="low")
async def act(ctx: CallContext) -> str:
    "Do all there is."
    await ctx.say("One moment.")
    await ctx.say("Stop!", behavior="interrupt")
    await ctx.update_prompt("Be brief.")
    await ctx.end_session(after_speech=False)
    return "acted"

@function(tier="low")
def act_plainly(ctx: CallContext) -> str:
    "The same from a plain function."
    ctx.wait(ctx.say("One moment."))
    ctx.wait(ctx.store.set("a", [1, 2]))
    return str(ctx.wait(ctx.store.get("a")))

@function(tier="low")
async def keep(ctx: CallContext, value: Any = None) -> dict[str, Any]:
    "Remember."
    before = await ctx.store.get("kept", "nothing yet")
    await ctx.store.update({"kept": value, "other": 1})
    await ctx.store.delete("other")
    return {"before": before, "all": await ctx.store.items(), "some": await ctx.store.items("ke")}

@function(tier="low", timeout_s=0.5)
async def slow_say(ctx: CallContext) -> str:
    "The limit stands still meanwhile."
    await ctx.say("Slow.")
    return "in time"

@function(tier="low")
async def many(ctx: CallContext) -> int:
    "More requests at once than are served at once."
    await asyncio.gather(*(ctx.store.set(str(n), n) for n in range(100)))
    return len(await ctx.store.items())

@function(tier="low")
async def wrongly(ctx: CallContext, what: str) -> str:
    "Requests that make no sense."
    await {
        "type": lambda: ctx.say(5),
        "empty": lambda: ctx.say(" "),
        "long": lambda: ctx.say("x" * 5000),
        "behavior": lambda: ctx.say("x", behavior="shout"),
        "past": lambda: ctx.later(-1, say="x"),
        "nan": lambda: ctx.later(float("nan"), say="x"),
        "nothing": lambda: ctx.later(1),
        "object": lambda: ctx.store.set("a", object()),
        "large": lambda: ctx.store.set("a", "x" * 70_000),
        "key": lambda: ctx.store.set("k" * 300, 1),
        "invented": lambda: ctx._ask("format_disk", {}),
        "invented in an area": lambda: ctx._ask("store.drop", {}),
    }[what]()
    return "done"
"""


async def test_a_handler_acts_on_its_session(bench: Bench) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    assert (await bench.call("act")).content == "acted"
    assert bench.session.did == [
        ("say", "One moment.", "queue"),
        ("say", "Stop!", "interrupt"),
        ("update_prompt", "Be brief."),
        ("end_session", False),
    ]
    assert (await bench.call("act_plainly")).content == "[1, 2]"


@pytest.mark.parametrize("session_id", [None, "ended"])
async def test_without_a_live_session_actions_are_refused_and_the_store_works(bench: Bench, session_id: str | None) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    refused = await bench.call("act", session_id=session_id)
    assert (refused.outcome, refused.content) == ("error", "this call has no live session")
    assert (await bench.call("keep", value=1, session_id=session_id)).outcome == "ok"


async def test_what_the_session_refuses_is_told_to_the_handler(bench: Bench) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    bench.session.say_raises = [InjectionRefused("The user is speaking.")]
    assert await outcome(bench.call("act")) == ("error", "The user is speaking.")


async def test_a_fault_of_ours_in_a_request_answers_the_handler(bench: Bench) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    bench.session.say_raises = [RuntimeError("a bug")]
    assert await outcome(bench.call("act")) == ("error", "say failed because of an internal error")


async def test_stored_values_outlive_worker_and_daemon(bench: Bench) -> None:
    bench.limits["function_worker_calls"] = 1
    bench.write("acting.py", ACTING)
    await bench.start()
    first = await bench.call("keep", value={"on": True})
    assert first.result == {"before": "nothing yet", "all": {"kept": {"on": True}}, "some": {"kept": {"on": True}}}
    assert (await bench.call("keep", value=None)).result["before"] == {"on": True}
    await bench.close()
    await bench.start()
    again = await bench.call("keep", value=None, call_id="after the restart")
    assert again.result["before"] is None
    assert await bench.store.values("acting") == {"kept": None}


async def test_the_time_limit_stands_still_while_the_daemon_works_for_the_handler(bench: Bench) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    bench.session.say_takes_s = 0.8
    assert await outcome(bench.call("slow_say")) == ("ok", "in time")


async def test_more_requests_than_are_served_at_once_are_all_done(bench: Bench) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    assert (await bench.call("many")).result == 100


@pytest.mark.parametrize(
    "what",
    ["type", "empty", "long", "behavior", "past", "nan", "nothing", "object", "large", "key", "invented", "invented in an area"],
)
async def test_a_request_that_makes_no_sense_ends_that_call_alone(bench: Bench, what: str) -> None:
    bench.write("acting.py", ACTING)
    await bench.start()
    assert (await bench.call("wrongly", what=what)).outcome == "error"
    assert bench.session.did == []
    assert (await bench.call("act")).outcome == "ok"


async def test_a_cancelled_call_is_told_to_the_handler_and_settled_once(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bench.write(
        "long.py",
        f"""
        @function(tier="low")
        async def long(ctx: CallContext) -> str:
            "Take long."
            try:
                await ctx.say("Started.")
                await asyncio.sleep(60)
            finally:
                try:
                    await ctx.say("Too late.")
                except FunctionError as error:
                    open({str(mark)!r}, "w").write(str(error))

        @function(tier="read")
        def pid() -> int:
            "Tell."
            return os.getpid()
        """,
    )
    await bench.start()
    pid = (await bench.call("pid")).result
    request = bench.request("long")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.functions.call(request))
        await within(30, bench.session.changed.wait())
        running.cancel()
    await eventually(mark.exists, "the handler cleaned up")
    await eventually(lambda: mark.read_text() == "the call is over", "its request was refused")
    assert bench.session.did == [("say", "Started.", "queue")]
    again = await bench.functions.call(request)
    assert again.outcome == "cancelled"
    assert bench.functions.counters["long"]["cancelled"] == 1
    await eventually(lambda: len(bench.functions._nursery) == 0, "the worker stood down")
    assert (await bench.call("pid")).result == pid, "a handler that cleans up in time keeps its process"


async def outcome(call: Any) -> tuple[str, str]:
    settled: CallOutcome = await call
    return settled.outcome, settled.content
