"""What handlers plan happens, also after the daemon was started anew: what is said at least once, calls at most once."""

import asyncio
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agentd.config import LimitSettings
from agentd.errors import InjectionRefused
from tests.support.handlers import Bench, eventually, within

pytestmark = pytest.mark.e2e

LATER = """
@function(tier="low")
async def plan(ctx: CallContext, seconds: float, label: str = "", say: str | None = None, call: str | None = None) -> str:
    "Plan."
    return await ctx.later(seconds, say=say, call=call, arguments={"text": "called"} if call else None, label=label)

@function(tier="low")
async def planned(ctx: CallContext) -> list[str]:
    "List."
    return [f"{item.label} in {item.due_in_s:.0f}" for item in await ctx.pending()]

@function(tier="low")
async def drop(ctx: CallContext, id: str) -> bool:
    "Drop."
    return await ctx.cancel_later(id)

@function(tier="low")
async def speak(ctx: CallContext, text: str) -> str:
    "Speak."
    await ctx.say(f"{text} {ctx.session_id}")
    return "spoken"
"""


async def test_a_plan_speaks_or_calls_when_its_time_comes(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=0.01, say="Ding.")
    await within(30, bench.session.changed.wait())
    assert bench.session.did == [("say", "Ding.", "queue")]
    bench.session.changed.clear()
    await bench.call("plan", seconds=0.01, call="speak")
    await within(30, bench.session.changed.wait())
    assert bench.session.did[-1] == ("say", "called s", "queue")


async def test_plans_are_listed_soonest_first_and_can_be_dropped_once(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=100, say="x", label="far")
    near = (await bench.call("plan", seconds=50, say="x", label="near")).result
    assert (await bench.call("planned")).result == ["near in 50", "far in 100"]
    assert (await bench.call("drop", id=near)).result is True
    assert (await bench.call("drop", id=near)).result is False
    assert (await bench.call("planned")).result == ["far in 100"]


async def test_a_plan_belongs_to_its_session_and_one_without_is_refused(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    made = (await bench.call("plan", seconds=50, say="x", session_id="other")).result
    assert (await bench.call("planned")).result == []
    assert (await bench.call("drop", id=made)).result is False
    assert "no session" in (await bench.call("plan", seconds=50, say="x", session_id=None)).content


async def test_a_timer_that_rings_while_the_user_speaks_rings_afterwards(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.functions.later.RETRY_S", 0.01)
    bench.write("later.py", LATER)
    await bench.start()
    bench.session.say_raises = [InjectionRefused("The user is speaking.")] * 3
    await bench.call("plan", seconds=0, say="Ding.")
    await within(30, bench.session.changed.wait())
    assert bench.session.did == [("say", "Ding.", "queue")]


async def test_a_session_cannot_plan_without_end(bench: Bench) -> None:
    bench.limits = {"plans_per_session": 2}
    bench.write("later.py", LATER)
    await bench.start()
    outcomes = [(await bench.call("plan", seconds=50, say="x")).outcome for _ in range(3)]
    assert outcomes == ["ok", "ok", "error"]


async def test_nothing_is_planned_farther_ahead_than_the_limit_says(bench: Bench) -> None:
    bench.limits = {"plan_ahead_s": 60}
    bench.write("later.py", LATER)
    await bench.start()
    assert (await bench.call("plan", seconds=60, say="x")).outcome == "ok"
    refused = await bench.call("plan", seconds=61, say="x")
    assert (refused.outcome, "61 is not between 0 and 60 seconds" in refused.content) == ("error", True), refused


async def test_what_is_planned_stays_so_when_the_limits_are_lowered(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    for label in ("a", "b", "c"):
        await bench.call("plan", seconds=100, say="x", label=label)
    bench.limits = {"plans": 1, "plans_per_session": 1, "plan_ahead_s": 10}
    await restarted(bench)
    assert [line.partition(" ")[0] for line in (await bench.call("planned")).result] == ["a", "b", "c"]
    lowered = LimitSettings(plans=8, plans_per_session=4)
    await bench.functions.reload(limits=lowered)
    assert [(await bench.call("plan", seconds=50, say="x")).outcome for _ in range(2)] == ["ok", "error"]


async def test_what_is_planned_outlives_the_daemon(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    near = (await bench.call("plan", seconds=1000, say="Near.", label="near")).result
    await bench.call("plan", seconds=2000, say="Far.", label="far")
    await restarted(bench, later_s=600)
    near_s, far_s = [float(item.rpartition(" ")[2]) for item in (await bench.call("planned")).result]
    assert 300 < near_s <= 400
    assert 1300 < far_s <= 1400
    assert (await bench.call("drop", id=near)).result is True
    await restarted(bench, later_s=1399)
    await within(30, bench.session.changed.wait())
    assert bench.session.did == [("say", "Far.", "queue")]


async def restarted(bench: Bench, *, later_s: float = 0.0) -> None:
    """The daemon stops and starts again, so much later."""
    await bench.store.writer.do(lambda connection: connection.execute("UPDATE plans SET due_at = due_at - ?", (later_s,)))
    await bench.close()
    await bench.start()


@pytest.mark.parametrize("what", [{"say": "Ding."}, {"call": "speak"}])
async def test_what_is_overdue_happens_once_as_soon_as_a_session_of_that_name_is_live(bench: Bench, what: dict[str, str]) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=100, label="overdue", **what)
    bench.live = False
    await restarted(bench, later_s=3600)
    await eventually(lambda: any(kept.overdue for kept in bench.functions._laters._plans.values()), "it waits")
    bench.functions.session_live("another")
    assert (await bench.call("planned", call_id="1")).result == ["overdue in 0"]
    bench.live = True
    bench.functions.session_live("s")
    bench.functions.session_live("s")
    await within(30, bench.session.changed.wait())
    await eventually(lambda: not bench.functions._laters._plans, "it is forgotten")
    assert bench.session.did == [("say", what.get("say", "called s"), "queue")]
    await restarted(bench)
    assert (await bench.call("planned", call_id="2")).result == []


async def test_what_is_due_while_its_session_is_gone_waits_for_the_next_one(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=0.2, say="Ding.")
    bench.live = False
    await eventually(lambda: any(kept.overdue for kept in bench.functions._laters._plans.values()), "it waits")
    bench.live = True
    bench.functions.session_live("s")
    await within(30, bench.session.changed.wait())
    assert bench.session.did == [("say", "Ding.", "queue")]


@pytest.mark.parametrize(("limits", "late_s"), [({}, 86_400), ({"plan_late_s": 50}, 50)])
async def test_what_is_more_than_a_day_late_is_dropped_and_logged(bench: Bench, limits: dict[str, float], late_s: float) -> None:
    bench.limits = limits
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=100, say="Ding.")
    with capture_logs() as logs:
        await restarted(bench, later_s=late_s + 200)
        await eventually(lambda: not bench.functions._laters._plans, "it is forgotten")
    assert [line["reason"] for line in logs if line["event"] == "later_dropped"] == ["too late"]
    assert bench.session.did == []
    await restarted(bench)
    assert not bench.functions._laters._plans


async def test_a_purged_run_takes_its_plans_with_it(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=100, say="Ding.")
    await bench.store.purge("run")
    bench.functions.run_purged("run")
    assert (await bench.call("planned")).result == []
    await restarted(bench)
    assert not bench.functions._laters._plans


async def test_a_plan_that_cannot_be_kept_is_refused(bench: Bench) -> None:
    bench.write("later.py", LATER)
    await bench.start()
    await bench.store.writer.do(lambda connection: connection.execute("DROP TABLE plans"))
    refused = await bench.call("plan", seconds=100, say="Ding.")
    assert (refused.outcome, refused.content) == ("error", "the plan could not be kept")
    assert (await bench.call("planned")).result == []


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.support.handlers import Bench, RecordedSession

class Dies(RecordedSession):
    async def say(self, text, *, behavior="queue", moment="quiet"):
        Path(sys.argv[3]).open("a").write("said,")
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    bench = Bench(Path(sys.argv[1]), Path(sys.argv[2]), session=Dies())
    await bench.start()
    bench.functions.session_live("s")
    if sys.argv[4]:
        await bench.call("plan", seconds=0, **{sys.argv[4]: sys.argv[5]})
    await asyncio.sleep(60)

asyncio.run(main())
"""

KILLING = (
    LATER
    + """
@function(tier="low")
async def kill(text: str) -> str:
    "End the daemon."
    with open(FILE, "a") as file:
        file.write("called,")
    os.kill(os.getppid(), 9)
    await asyncio.sleep(60)
"""
)


async def dies(bench: Bench, mark: Path, what: str = "", value: str = "") -> None:
    """A daemon with these handlers that does not survive what it is asked to plan."""
    arguments = (bench.directory, bench.state_dir, mark, what, value)
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DYING, *map(str, arguments), stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(30):
        assert await daemon.wait() == -9


async def test_a_planned_call_never_runs_twice_though_the_daemon_dies_of_it(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bench.write("later.py", KILLING.replace("FILE", repr(str(mark))))
    await dies(bench, mark, "call", "kill")
    await bench.start()
    bench.functions.session_live("s")
    assert (await bench.call("planned")).result == []
    assert mark.read_text() == "called,"


async def test_what_was_being_said_when_the_daemon_died_is_said_again(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bench.write("later.py", LATER)
    await dies(bench, mark, "say", "Ding.")
    await bench.start()
    bench.functions.session_live("s")
    await within(30, bench.session.changed.wait())
    assert mark.read_text() == "said,"
    assert bench.session.did == [("say", "Ding.", "queue")]


async def test_what_waits_for_a_session_gives_way_when_there_is_no_room(bench: Bench) -> None:
    bench.limits = {"plans": 2}
    bench.write("later.py", LATER)
    await bench.start()
    await bench.call("plan", seconds=100, say="Far.", label="far")
    await bench.call("plan", seconds=0.05, say="Near.", label="near", session_id="gone")
    await eventually(lambda: any(kept.overdue for kept in bench.functions._laters._plans.values()), "it waits")
    assert (await bench.call("plan", seconds=200, say="Farther.", label="farther")).outcome == "ok"
    assert [item.partition(" ")[0] for item in (await bench.call("planned")).result] == ["far", "farther"]
    assert (await bench.call("plan", seconds=300, say="Too far.")).outcome == "error"
