import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InvalidRequest
from agentd.functions.service import check_directory
from tests.support.handlers import Bench, eventually

pytestmark = pytest.mark.e2e

GOOD = """
@function(tier="read")
async def good() -> str:
    "Say hello."
    return "hello"
"""

ROOT = Path(__file__).parents[3]


async def test_a_syntax_error_names_file_line_and_reason_while_good_files_stay(bench: Bench) -> None:
    bench.write("good.py", GOOD)
    bad = bench.write("bad.py", "def broken(:\n    pass\n")
    await bench.start()
    (problem,) = bench.functions.registry.problems
    assert (problem.place, problem.line) == (str(bad), 4)
    assert "syntax error" in problem.reason
    assert (await bench.call("good")).content == "hello"


async def test_a_missing_tier_tells_the_line_to_add(bench: Bench) -> None:
    bench.write("bad.py", '@function()\ndef lamp() -> str:\n    "Light."\n    return ""\n')
    await bench.start()
    (problem,) = bench.functions.registry.problems
    assert problem.line == 4
    assert '@function(tier="read")' in problem.reason


async def test_a_name_in_two_files_is_disabled_in_both_and_their_others_stay(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.write(f"{name}.py", f'{GOOD}\n@function(tier="read")\ndef only_{name}() -> str:\n    "Say."\n    return "{name}"\n')
    await bench.start()
    assert sorted(bench.functions.registry.specs) == ["only_a", "only_b"]
    assert [Path(problem.place).name for problem in bench.functions.registry.problems] == ["a.py", "b.py"]
    assert (await bench.call("good")).outcome == "unknown"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError"),
        ("os._exit(3)", "status 3"),
        ("sys.exit('no')", "SystemExit"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("raise RuntimeError('\\ud800')", "RuntimeError"),
        ("bytearray(4 << 30)", "MemoryError"),
    ],
)
async def test_a_file_that_fails_while_loading_is_told_and_harms_no_other(bench: Bench, source: str, words: str) -> None:
    bench.write("bad.py", source)
    bench.write("good.py", GOOD)
    await bench.start()
    (problem,) = bench.functions.registry.problems
    assert words in problem.reason
    assert (await bench.call("good")).outcome == "ok"


async def test_a_file_that_does_not_finish_loading_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.functions.workers.process.LOAD_S", 4.0)
    bench.write("bad.py", "while True: pass")
    bench.write("good.py", GOOD)
    await bench.start()
    assert "did not finish loading" in bench.functions.registry.problems[0].reason
    assert (await bench.call("good")).outcome == "ok"


async def test_files_may_share_code_and_may_be_called_like_a_module_of_python(bench: Bench) -> None:
    bench.write("_shared.py", "WORD = 'shared'\n")
    bench.write(
        "calendar.py",
        """
        import calendar
        from _shared import WORD
        from functions import _shared

        @function(tier="read")
        def month() -> str:
            "Tell it."
            return f"{WORD} and {_shared.WORD} {calendar.month_name[11]}"
        """,
    )
    await bench.start()
    assert (await bench.call("month")).content == "shared and shared November"


async def test_a_file_that_could_not_learn_is_loaded_again_until_it_can(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.functions.workers.generation.PREPARE_AGAIN_S", 0.05)
    monkeypatch.setattr("agentd.functions.workers.generation.LAST_PAUSE_S", 0.05)
    names = tmp_path / "names"
    bench.config = {"cats": {"names": str(names)}}
    bench.write(
        "cats.py",
        """
        from pathlib import Path
        from typing import Annotated
        from pydantic import Field

        NAMES = []

        async def prepare(config):
            try:
                NAMES.extend(Path(config["names"]).read_text().split())
            except OSError:
                raise FunctionError("the cats have no names yet") from None

        @function(tier="low")
        def feed(cat: Annotated[str, Field(examples=NAMES)]) -> str:
            "Feed a cat."
            return f"fed {cat}"
        """,
    )
    await bench.start()

    def offered() -> Any:
        return bench.functions.registry.specs["feed"].parameters["properties"]["cat"].get("examples")

    assert not offered()
    assert (await bench.call("feed", cat="Tom")).content == "fed Tom"
    names.write_text("Minka Tom")
    await eventually(lambda: offered() == ["Minka", "Tom"], "the names are known")
    assert (await bench.call("feed", cat="Minka")).content == "fed Minka"


async def test_code_in_another_encoding_runs_as_written(bench: Bench) -> None:
    text = "# coding: latin-1\nfrom agentd.functions import function\n"
    text += "@function(tier='read')\ndef f():\n 'Tell.'\n return 'grün'\n"
    (bench.directory / "old.py").write_bytes(text.encode("latin-1"))
    await bench.start()
    assert (await bench.call("f")).content == "grün"


NEEDY = """
REQUIRES = ("url",)

@function(tier="read")
def look(ctx: CallContext) -> str:
    "Look."
    return ctx.config["url"]
"""


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, "set [functions.needy] url"),
        ({"url": ""}, "set [functions.needy] url"),
        ({"url": "u", "enabled": False}, "set [functions.needy] enabled = true"),
    ],
)
async def test_a_file_that_is_switched_off_offers_nothing_and_is_no_problem(
    bench: Bench, table: dict[str, object], reason: str
) -> None:
    bench.config["needy"] = table
    bench.write("needy.py", NEEDY)
    bench.write("good.py", GOOD)
    await bench.start()
    registry = bench.functions.registry
    assert sorted(registry.specs) == ["good"]
    assert not registry.problems
    (off,) = registry.off
    assert (Path(off.place).name, off.reason) == ("needy.py", reason)
    await eventually(lambda: len(bench.workers()) == 1, "it keeps no process")
    await bench.functions.reload(config={"needy": {"url": "here"}})
    assert (await bench.call("look")).content == "here"
    assert not bench.functions.registry.off


async def test_reload_takes_new_code_and_a_running_call_keeps_its_own(bench: Bench) -> None:
    source = """
    @function(tier="read")
    async def version(ctx: CallContext, wait: bool = False) -> str:
        "Tell the version."
        if wait:
            await ctx.say("waiting")
            await asyncio.sleep(0.5)
        return "VERSION"
    """
    bench.write("v.py", source.replace("VERSION", "one"))
    await bench.start()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.call("version", wait=True))
        await bench.session.changed.wait()
        bench.write("v.py", source.replace("VERSION", "two"))
        await bench.functions.reload()
        assert (await bench.call("version")).content == "two"
    assert running.result().content == "one"


async def test_a_reload_with_a_problem_changes_nothing_and_lists_it(bench: Bench) -> None:
    bench.write("good.py", GOOD)
    await bench.start()
    bench.write("bad.py", "x = (\n")
    with pytest.raises(InvalidRequest) as refused:
        await bench.functions.reload()
    assert "bad.py:4" in refused.value.detail
    assert refused.value.errors[0].pointer == "/bad.py/4"
    assert not bench.functions.registry.problems
    assert (await bench.call("good")).outcome == "ok"


async def test_a_changed_file_is_not_picked_up_by_a_replaced_worker(bench: Bench) -> None:
    source = '@function(tier="read")\ndef f(die: bool = False) -> str:\n    "Tell."\n    if die: os._exit(1)\n    return "WORD"\n'
    bench.write("f.py", source.replace("WORD", "old"))
    await bench.start()
    bench.write("f.py", source.replace("WORD", "new"))
    assert (await bench.call("f", die=True)).outcome == "error"
    assert (await bench.call("f")).content == "old"


async def test_more_files_than_places_for_processes_all_work(bench: Bench) -> None:
    bench.limits["function_calls"] = 2
    for name in "abcd":
        bench.write(f"{name}.py", f'@function(tier="read")\ndef {name}() -> str:\n    "Tell."\n    return "{name}"\n')
    await bench.start()
    assert [(await bench.call(name)).content for name in "abcdab"] == list("abcdab")


async def test_a_missing_folder_leaves_a_daemon_without_functions(bench: Bench) -> None:
    bench.directory.rmdir()
    await bench.start()
    assert not bench.functions.registry.specs
    assert "cannot be read" in bench.functions.registry.problems[0].reason


def test_the_handlers_that_ship_load_and_are_declared_as_documented() -> None:
    registry = check_directory(ROOT / "functions")
    assert registry.problems == ()
    assert {name: spec.tier for name, spec in registry.specs.items()} == {
        "add_to_list": "low",
        "cancel_reminder": "low",
        "cancel_timer": "low",
        "clear_list": "medium",
        "convert_units": "read",
        "delete_note": "low",
        "end_conversation": "low",
        "get_date": "read",
        "get_home_state": "read",
        "get_time": "read",
        "list_reminders": "read",
        "list_timers": "read",
        "look_up_date": "read",
        "read_list": "read",
        "read_notes": "read",
        "remove_from_list": "low",
        "set_blinds": "medium",
        "set_heating": "medium",
        "set_light": "low",
        "set_reminder": "low",
        "set_timer": "low",
        "take_note": "low",
    }
