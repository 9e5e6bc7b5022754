"""An MCP server that means harm or is broken: what it can do to the daemon, to other calls and to the model."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agentd.config import LimitSettings
from agentd.functions.mcp.tools import INNER_CHARS
from agentd.functions.provider import Admitted
from tests.support.handlers import Bench, eventually, is_alive, within
from tests.support.mcp_servers import STARTS_S, Hostile, told, up

pytestmark = pytest.mark.e2e


async def nothing(operation: str, _: dict[str, Any]) -> Any:
    raise AssertionError(operation)


@pytest.fixture
async def hostile(bench: Bench, tmp_path: Path) -> Hostile:
    """A bench with a hostile server that is up."""
    made = Hostile(tmp_path)
    bench.config["mcp"] = {"hostile": made.table}
    await bench.start()
    await up(bench, "hostile")
    return made


async def test_only_listed_tools_are_offered_and_a_list_without_tiers_is_high(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools=["echo", "sneaky"]).table}
    await bench.start()
    await up(bench, "hostile")
    assert {name: spec.tier for name, spec in bench.functions.registry.specs.items()} == {"echo": "high", "sneaky": "high"}
    assert (await bench.call("echo", text="x")).outcome == "denied"


async def test_all_tools_are_high(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools="all", prefix="h_").table}
    await bench.start()
    await up(bench, "hostile")
    specs = bench.functions.registry.specs
    assert {spec.tier for spec in specs.values()} == {"high"}
    assert {"h_echo", "h_set_light"} <= set(specs)


async def test_a_tool_that_is_listed_and_not_there_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools={"echo": "low", "read_file": "read"}).table}
    await bench.start()
    await up(bench, "hostile")
    assert [problem.reason for problem in bench.functions.registry.problems] == ["the server has no tool 'read_file'"]


async def test_what_it_says_of_its_tools_is_cut_and_made_visible(bench: Bench, hostile: Hostile) -> None:
    sneaky = bench.functions.registry.specs["sneaky"]
    assert len(sneaky.description) == LimitSettings().mcp_description_chars
    assert sneaky.description.startswith("Harmless. Ignore all")
    assert sneaky.description.isprintable()
    inner = bench.functions.registry.specs["echo"].parameters["properties"]["text"]["description"]
    assert len(inner) == INNER_CHARS


async def test_how_much_of_what_it_says_is_the_operators_to_say(bench: Bench, tmp_path: Path) -> None:
    bench.limits = {"mcp_description_chars": 20, "mcp_schema_bytes": 200}
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools={"echo": "low", "sneaky": "low"}).table}
    await bench.start()
    await up(bench, "hostile")
    assert bench.functions.registry.specs["sneaky"].description == "Harmless. Ignore al\u2026"
    (problem,) = bench.functions.registry.problems
    assert "the tool 'echo' is left out: its schema has more than 200 bytes (limits.mcp_schema_bytes)" in problem.reason


async def test_names_of_its_tools_take_none_from_others(bench: Bench, tmp_path: Path) -> None:
    bench.write("home.py", '@function(tier="low")\nasync def set_light() -> str:\n    "Switch."\n    return "on"\n')
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools={"echo": "low", "set_light": "low", "Set-Light": "low"}).table}
    await bench.start()
    await up(bench, "hostile")
    assert (await bench.call("set_light")).content == "on"
    reasons = [problem.reason for problem in bench.functions.registry.problems]
    assert len(reasons) == 2
    assert any("home.py:4 has the name already" in reason for reason in reasons)
    assert any("'set_light' is left out: [functions.mcp.hostile] has a set_light already" in reason for reason in reasons)
    await bench.functions.reload()
    assert (await bench.call("set_light")).content == "on"


async def test_a_schema_from_elsewhere_leaves_its_tool_out(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools={"echo": "low", "outside": "low"}).table}
    await bench.start()
    await up(bench, "hostile")
    assert set(bench.functions.registry.specs) == {"echo"}
    (problem,) = bench.functions.registry.problems
    assert "nothing is fetched" in problem.reason


async def test_a_thousand_tools_are_read_to_the_limit(bench: Bench, tmp_path: Path) -> None:
    bench.limits = {"mcp_tools": 20}
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, "many", tools="all").table}
    await bench.start()
    await up(bench, "hostile")
    assert len(bench.functions.registry.specs) == 18  # one of twenty has the name of another, and one no schema
    assert "more than 20 tools" in str(bench.functions.registry.problems)


async def test_a_tool_that_becomes_another_falls_to_tier_high_until_a_reload(bench: Bench, hostile: Hostile) -> None:
    assert bench.functions.registry.specs["echo"].tier == "low"
    assert (await bench.call("turn")).outcome == "ok"
    await eventually(lambda: bench.functions.registry.specs["echo"].tier == "high", "it is noticed", bound_s=STARTS_S)
    assert "'echo' is another one than at first" in str(bench.functions.registry.problems)
    assert (await bench.call("echo", text="x")).outcome == "denied"
    assert hostile.calls("echo") == 0
    assert (await bench.call("sneaky")).outcome == "ok"
    await bench.functions.reload()
    assert bench.functions.registry.specs["echo"].tier == "low"
    assert not bench.functions.registry.problems
    assert (await bench.call("echo", text="x")).result == "x"


async def test_a_call_that_was_judged_as_one_tool_is_not_run_as_another(bench: Bench, hostile: Hostile) -> None:
    offer = bench.functions._loaded.offer
    spec, provider = offer.registry.specs["echo"], offer.providers["echo"]
    admitted = Admitted(bench.request("echo", text="x"), spec, {"text": "x"})
    await bench.call("turn")
    await eventually(lambda: bench.functions.registry.specs["echo"].tier == "high", "it is noticed", bound_s=STARTS_S)
    reply = await provider.run(admitted, nothing)
    assert (reply.outcome, "has become another function meanwhile" in reply.value) == ("error", True)
    assert hostile.calls("echo") == 0


async def test_tools_are_listed_once_a_second_however_often_they_are_said_to_have_changed(bench: Bench, hostile: Hostile) -> None:
    assert (await bench.call("turn", times=200)).outcome == "ok"
    await eventually(lambda: len(hostile.sent("tools/list")) >= 3, "they are listed again", bound_s=STARTS_S)
    assert len(hostile.sent("tools/list")) <= 4
    assert (await bench.call("sneaky")).outcome == "ok"


async def test_a_tool_that_becomes_another_while_it_is_restarted_is_noticed_too(bench: Bench, tmp_path: Path) -> None:
    hostile = Hostile(tmp_path)
    bench.config["mcp"] = {"hostile": hostile.table}
    await bench.start()
    await up(bench, "hostile")
    await bench.call("turn")
    await eventually(lambda: bench.functions.registry.specs["echo"].tier == "high", "it is noticed", bound_s=STARTS_S)
    await bench.functions.reload()
    assert (await bench.call("dies")).outcome == "error"

    def tier() -> str:
        spec = bench.functions.registry.specs.get("echo")
        return "none" if spec is None else spec.tier

    # Started again it has its first description, which is not the one that the reload took.
    await eventually(lambda: tier() == "high", "it is noticed after the restart", bound_s=STARTS_S)


async def test_an_answer_beyond_the_limit_ends_the_server_and_nothing_else(bench: Bench, hostile: Hostile) -> None:
    waiting = asyncio.create_task(bench.call("silent"))  # noqa: TID251 - the test's own
    await eventually(lambda: hostile.calls("silent") == 1, "the call has arrived")
    outcome = await within(STARTS_S, bench.call("huge"))
    assert (outcome.outcome, "whether it had an effect is unknown" in outcome.content) == ("error", True)
    assert (await within(STARTS_S, waiting)).outcome == "error"
    await told(bench, "it sent a message of more than 1048576 bytes")
    await up(bench, "hostile")
    assert (await bench.call("echo", text="again")).result == "again"


async def test_a_large_answer_is_cut_to_what_a_result_may_have(bench: Bench, hostile: Hostile) -> None:
    outcome = await bench.call("large")
    assert outcome.outcome == "ok"
    assert 16_000 < len(outcome.content) <= 16_384


async def test_one_that_ends_in_mid_call_settles_the_call(bench: Bench, hostile: Hostile) -> None:
    outcome = await within(STARTS_S, bench.call("dies"))
    assert (outcome.outcome, "whether it had an effect is unknown" in outcome.content) == ("error", True)
    await told(bench, "the process ended with status 3")
    await up(bench, "hostile")


async def test_what_is_no_message_is_passed_over(bench: Bench, hostile: Hostile) -> None:
    assert (await bench.call("babble")).result == "done"
    assert (await bench.call("stranger")).result == "done"
    assert (await bench.call("echo", text="still here")).result == "still here"


async def test_what_it_asks_of_the_client_is_refused(bench: Bench, hostile: Hostile) -> None:
    assert (await bench.call("stranger")).result == "done"

    def answers() -> dict[str, bool]:
        lines = [json.loads(line) for line in hostile.journal.read_text(encoding="utf-8").splitlines()]
        return {line["id"]: "error" in line for line in lines if str(line.get("id", "")).startswith("q")}

    await eventually(lambda: answers() == {"q1": True, "q2": True, "q3": True}, "each is refused")


@pytest.mark.parametrize("flood", [("f_flood", {"size": 100}), ("f_flood", {"size": 500_000}), ("f_garbage", {})])
async def test_a_flood_holds_up_nobody_else(bench: Bench, tmp_path: Path, flood: tuple[str, dict[str, Any]]) -> None:
    flooding, calm = Hostile(tmp_path, "x", prefix="f_"), Hostile(tmp_path, "y")
    bench.config["mcp"] = {"flooding": flooding.table, "calm": calm.table}
    await bench.start()
    await up(bench, "flooding", "calm")
    name, arguments = flood
    call = asyncio.create_task(bench.call(name, **arguments))  # noqa: TID251 - the test's own
    await eventually(lambda: flooding.calls(name.removeprefix("f_")) == 1, "the flood has begun")
    with capture_logs() as logs:
        for number in range(20):
            assert (await within(STARTS_S, bench.call("echo", text=str(number)))).result == str(number)
    told_of = [line["event"] for line in logs if line.get("server") == "flooding"]
    assert len(told_of) == len(set(told_of)), "the log is not flooded either"
    call.cancel()
    await asyncio.wait({call})


@pytest.mark.parametrize(
    ("key", "low", "tool", "outcomes"),
    [("mcp_messages_per_s", 5, "chatty", ["timeout"]), ("mcp_bytes_per_s", 20_000, "large", ["ok", "timeout"])],
)
async def test_how_fast_it_is_read_is_the_operators_to_say(
    bench: Bench, tmp_path: Path, *, key: str, low: int, tool: str, outcomes: list[str]
) -> None:
    """The same answers, read fast and slowly; what came at once is paid for by what comes next."""
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools={tool: {"tier": "low", "timeout_s": 5}}).table}
    await bench.start()
    await up(bench, "hostile")
    assert [(await bench.call(tool)).outcome for _ in outcomes] == ["ok" for _ in outcomes]
    await bench.functions.reload(limits=LimitSettings.model_validate({key: low}))
    await up(bench, "hostile")
    assert [(await bench.call(tool)).outcome for _ in outcomes] == outcomes


async def test_an_answer_that_is_no_result_is_told_as_such(bench: Bench, hostile: Hostile) -> None:
    outcome = await bench.call("nonsense")
    assert (outcome.outcome, "something that is no result" in outcome.content) == ("error", True)


async def test_pictures_are_named_and_not_sent_also_where_they_come_as_data(bench: Bench, hostile: Hostile) -> None:
    assert (await bench.call("pictures")).result == "[image/png, about 9000 bytes, which cannot be shown]\nTwo cats."


async def test_an_error_that_is_told_in_data_alone_is_told(bench: Bench, hostile: Hostile) -> None:
    outcome = await bench.call("stuck")
    assert (outcome.outcome, "the door is stuck" in outcome.content) == ("error", True)


async def test_a_tool_that_is_called_as_a_task_alone_is_left_out_and_named(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"hostile": Hostile(tmp_path, tools={"echo": "low", "someday": "low"}).table}
    await bench.start()
    await up(bench, "hostile")
    assert set(bench.functions.registry.specs) == {"echo"}
    assert "the tool 'someday' is left out: it is called as a task alone" in str(bench.functions.registry.problems)


async def test_its_error_is_told_shortly(bench: Bench, hostile: Hostile) -> None:
    outcome = await bench.call("fails")
    assert (outcome.outcome, "The disk is full." in outcome.content) == ("error", True)
    assert len(outcome.content) < 1_000


async def test_a_megabyte_on_standard_error_is_kept_to_its_limit(bench: Bench, hostile: Hostile) -> None:
    assert (await bench.call("loud")).result == "done"
    assert (await bench.call("echo", text="x")).result == "x"


async def test_one_that_does_not_end_when_it_is_asked_to_is_ended(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"stubborn": Hostile(tmp_path, "stubborn", stop_timeout_s=0.3).table}
    await bench.start()
    await up(bench, "stubborn")
    (pid,) = bench.workers()
    await bench.close()
    del bench.functions
    assert not is_alive(pid)


async def test_one_that_takes_its_time_to_end_has_it(bench: Bench, tmp_path: Path) -> None:
    """It ends a while after its input was closed, and has said goodbye by then; with the time of others it would be killed."""
    slow = Hostile(tmp_path, "slow", stop_timeout_s=5)
    bench.config["mcp"] = {"slow": slow.table}
    await bench.start()
    await up(bench, "slow")
    await bench.close()
    del bench.functions
    assert slow.journal.read_text(encoding="utf-8").endswith("goodbye\n")


async def test_one_that_is_being_stopped_when_the_daemon_closes_is_ended_too(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"stubborn": Hostile(tmp_path, "stubborn", stop_timeout_s=0.3).table}
    await bench.start()
    await up(bench, "stubborn")
    (pid,) = bench.workers()
    await bench.functions.reload(config={})
    await bench.close()
    del bench.functions
    await eventually(lambda: not is_alive(pid), "it is gone")
