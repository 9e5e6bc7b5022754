"""``agentd functions …``, as a person types it."""

import json
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import FakeDaemon, Ran, agentd, fake_daemon
from tests.support.daemon import daemon_process

pytestmark = pytest.mark.e2e

CAT = '''\
from typing import Annotated
from pydantic import Field
from agentd.functions import AskUser, CallContext, FunctionError, function


@function(tier="low", examples=["Feed the cat.", "Feed the cat two portions."], filler="One moment.")
async def feed_cat(ctx: CallContext, portions: Annotated[int, Field(description="How many portions", ge=1, le=3)] = 1) -> str:
    """Feed the cat."""
    if portions == 3:
        raise FunctionError("The bowl is full.")
    await ctx.store.set("portions", portions)
    await ctx.say("Miaow.")
    return f"The cat gets {portions}."


@function(tier="read", examples=["Where is the cat?"])
def find_cat() -> str:
    """Tell where the cat is."""
    return "The cat is out."
'''


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with fake_daemon(tmp_path / "state") as fake:
        yield fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "handlers"
    folder.mkdir()
    (folder / "cat.py").write_text(CAT)
    return folder


async def functions(*words: str | Path, cwd: Path) -> Ran:
    return await agentd("functions", *words, cwd=cwd)


# --- new -------------------------------------------------------------------------------------------------------------


async def test_new_handlers_of_all_tiers_load_and_are_understood_as_they_stand(tmp_path: Path) -> None:
    names = {"water_level": "read", "feed_fish": "low", "close_shutter": "medium", "open_gate": "high"}
    for name, tier in names.items():
        made = await functions("new", name, "--tier", tier, "-d", "mine", cwd=tmp_path)
        assert made.status == 0, made.err
        assert stat.S_IMODE((tmp_path / "mine" / f"{name}.py").stat().st_mode) == 0o644
    checked = json.loads((await functions("check", "mine", "--json", cwd=tmp_path)).out)
    assert {item["name"]: item["tier"] for item in checked["items"]} == names
    assert checked["problems"] == []
    tried = await functions("test", "-d", "mine", cwd=tmp_path)
    assert tried.status == 0, tried.out
    assert "4 of 4 examples are understood." in tried.out


async def test_new_says_what_to_type_next_and_that_works(tmp_path: Path) -> None:
    made = await functions("new", "feed_fish", "--tier", "low", cwd=tmp_path)
    commands = [line.split()[1:] for line in made.out.splitlines() if line.startswith("  agentd ") and "reload" not in line]
    assert [words[1] for words in commands] == ["check", "test", "call"]
    for words in commands:
        ran = await agentd(*words, cwd=tmp_path)
        assert ran.status == 0, (words, ran)


async def test_new_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "functions"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_cat.py").write_text("mine")
    refused = await functions("new", "cat", "--with-test", cwd=tmp_path)
    assert refused.status == 2
    assert "functions/tests/test_cat.py is there already" in refused.err
    assert not (folder / "cat.py").exists()
    assert (folder / "tests" / "test_cat.py").read_text() == "mine"
    assert (await functions("new", "cat", cwd=tmp_path)).status == 0
    before = (folder / "cat.py").read_text()
    assert (await functions("new", "cat", "--tier", "high", cwd=tmp_path)).status == 2
    assert (folder / "cat.py").read_text() == before


@pytest.mark.parametrize("words", [["Cat"], ["cat-food"], ["../cat"], ["class"], ["cat", "--tier", "huge"], []])
async def test_new_refuses_names_and_tiers_that_would_not_load(tmp_path: Path, words: list[str]) -> None:
    ran = await functions("new", *words, cwd=tmp_path)
    assert ran.status == 2
    assert not (tmp_path / "functions").exists()


async def test_new_says_a_name_that_would_do_and_takes_none_that_another_file_has(folder: Path, tmp_path: Path) -> None:
    assert "; try feed_cat\n" in (await functions("new", "FeedCat", cwd=tmp_path)).err
    refused = await functions("new", "feed_cat", "-d", folder, cwd=tmp_path)
    assert refused.status == 2
    assert "cat.py has a function feed_cat already" in refused.err
    assert sorted(path.name for path in folder.iterdir()) == ["cat.py"]


# --- list, show, check -----------------------------------------------------------------------------------------------


async def test_functions_are_listed_with_what_did_not_load(daemon: FakeDaemon, tmp_path: Path) -> None:
    item = {"name": "set_light", "tier": "low", "kind": "handler", "file": "home.py", "line": 7, "description": "Turn lights on."}
    problem = {"file": "bad.py", "line": 3, "reason": "no tier"}
    off = {"file": "/srv/functions/weather.py", "reason": "set [functions.weather] latitude"}
    daemon.answers["GET /v1/functions"] = (200, {"items": [item], "problems": [problem], "off": [off]})
    ran = await functions("list", "--state-dir", daemon.state, cwd=tmp_path)
    assert re.search(r"set_light +low +home.py:7 +Turn lights on\.", ran.out)
    assert "off: weather.py: set [functions.weather] latitude" in ran.out
    assert "not loaded: bad.py:3: no tier" in ran.out


async def test_many_functions_are_listed_to_the_last(tmp_path: Path) -> None:
    folder = tmp_path / "handlers"
    folder.mkdir()
    many = "\n".join(f'@function(tier="read")\ndef f{n}() -> str:\n    """Tell {n}."""\n    return ""\n' for n in range(250))
    (folder / "many.py").write_text(f"from agentd.functions import function\n{many}")
    async with daemon_process(tmp_path, "", functions=folder) as daemon:
        ran = await functions("list", "--state-dir", daemon.state_dir, "--json", cwd=tmp_path)
    assert len({item["name"] for item in json.loads(ran.out)["items"]}) == 250


async def test_a_folder_is_listed_without_a_daemon(folder: Path, tmp_path: Path) -> None:
    ran = await functions("list", "--directory", folder, cwd=tmp_path)
    assert re.search(r"feed_cat +low +cat.py:6 +Feed the cat\.", ran.out)
    listed = json.loads((await functions("list", "--directory", folder, "--json", cwd=tmp_path)).out)
    assert [item["name"] for item in listed["items"]] == ["feed_cat", "find_cat"]


async def test_one_file_is_checked_with_its_lines_as_seen_from_here(folder: Path, tmp_path: Path) -> None:
    (folder / "clumsy.py").write_text(
        'from agentd.functions import function\n\n@function(tier="low", exmples=["Stumble."])\ndef stumble():\n    "Stumble."\n'
    )
    told = "handlers/clumsy.py:3: TypeError: function() got an unexpected keyword argument 'exmples'; did you mean examples?"
    faulty = await functions("check", folder / "clumsy.py", cwd=tmp_path)
    assert (faulty.status, faulty.out) == (1, f"not loaded: {told}\n")
    good = await functions("check", folder / "cat.py", cwd=tmp_path)
    assert good.status == 0
    assert re.search(r"feed_cat +low +handlers/cat.py:6 +portions", good.out)
    everything = await functions("check", "-d", folder, cwd=tmp_path)
    assert everything.status == 1
    assert told in everything.out
    assert "feed_cat" in everything.out


async def test_the_tables_of_the_configuration_count(folder: Path, tmp_path: Path) -> None:
    (folder / "bell.py").write_text(
        'from agentd.functions import CallContext, function\nREQUIRES = ("sound",)\n'
        '@function(tier="read")\ndef ring(ctx: CallContext) -> str:\n    """Ring."""\n    return ctx.config["sound"]\n'
    )
    ran = await functions("check", folder, cwd=tmp_path)
    assert ran.status == 0
    assert "off: bell.py: set [functions.bell] sound" in ran.out
    (tmp_path / "config.toml").write_text(
        '[security]\nallowed_endpoints = ["http://127.0.0.1:9"]\n[functions.cat]\nenabled = false\n'
        '[functions.bell]\nsound = { credential = "bell" }\n'
        '[functions.http.get_pool]\ndescription = "Tell how warm the pool is."\ntier = "read"\nurl = "http://127.0.0.1:9/"\n'
    )
    (tmp_path / "state" / "credentials").mkdir(parents=True)
    (tmp_path / "state" / "credentials" / "bell").write_text("ding")
    (tmp_path / "state" / "credentials" / "bell").chmod(0o600)
    listed = await functions("list", "-d", folder, "--state-dir", "state", cwd=tmp_path)
    assert re.search(r"ring +read +bell.py:3 ", listed.out), listed.out
    assert re.search(r"get_pool +read +\[functions\.http\.get_pool\] ", listed.out)
    assert "off: cat.py: set [functions.cat] enabled = true" in listed.out
    called = await functions("call", "ring", "-d", folder, "--state-dir", "state", cwd=tmp_path)
    assert json.loads(called.out)["content"] == "ding"


async def test_show_prints_what_a_model_is_told_with_and_without_a_daemon(folder: Path, tmp_path: Path) -> None:
    declaration = {
        "name": "feed_cat",
        "description": "Feed the cat.\nExamples: Feed the cat. Feed the cat two portions.",
        "parameters": {
            "type": "object",
            "properties": {
                "portions": {"type": "integer", "description": "How many portions", "minimum": 1, "maximum": 3, "default": 1}
            },
            "additionalProperties": False,
        },
        "defer_until_eot": True,
    }
    ran = await functions("show", "feed_cat", "-d", folder, cwd=tmp_path)
    assert ran.out.startswith("feed_cat: tier low, handler, at most 10 s, cat.py:6\n")
    assert "filler = ['One moment.']" in ran.out
    assert json.loads(ran.out.partition("A model is told:\n")[2]) == declaration
    shown = json.loads((await functions("show", "feed_cat", "-d", folder, "--json", cwd=tmp_path)).out)
    async with daemon_process(tmp_path, "", functions=folder) as daemon:
        live = await functions("show", "feed_cat", "--state-dir", daemon.state_dir, "--json", cwd=tmp_path)
    of_daemon = json.loads(live.out)
    del of_daemon["counters"]
    assert of_daemon == shown
    assert shown["declaration"] == declaration


async def test_what_is_not_there_is_told_with_what_is(folder: Path, tmp_path: Path) -> None:
    for command in ("show", "test"):
        ran = await functions(command, "feed_dog", "-d", folder, cwd=tmp_path)
        assert ran.status == 1
        assert "feed_cat, find_cat" in ran.err
    ran = await functions("check", "nowhere", cwd=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "agentd: There is no folder nowhere. Make it, give another one, or set paths.functions_dir.\n"


async def test_check_names_the_line_of_a_fault(folder: Path, tmp_path: Path) -> None:
    good = await functions("check", folder, cwd=tmp_path)
    assert good.status == 0, good.out + good.err
    assert re.search(r"feed_cat +low +\S+cat\.py:6 +portions", good.out)
    (folder / "bad.py").write_text("def f(:\n")
    bad = await functions("check", folder, cwd=tmp_path)
    assert bad.status == 1
    assert "feed_cat" in bad.out
    assert re.search(r"not loaded: \S+bad\.py:1: syntax error", bad.out)


async def test_check_prints_the_schemas_alone_where_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.py").write_text("def f(:\n")
    ran = await functions("check", folder, "--schema", cwd=tmp_path)
    assert ran.status == 1
    assert [declaration["name"] for declaration in json.loads(ran.out)] == ["feed_cat", "find_cat"]
    assert "bad.py:1: syntax error" in ran.err


# --- call ------------------------------------------------------------------------------------------------------------


async def test_functions_are_called_with_words_or_json(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.answers["POST /v1/functions/set_light/invoke"] = (200, {"outcome": "ok", "result": "on"})
    common = ["call", "--state-dir", str(daemon.state), "set_light"]
    await functions(*common, "room=living room", "on=true", "brightness=40", cwd=tmp_path)
    await functions(*common, '{"room": "kitchen"}', "--agent", "guest", cwd=tmp_path)
    assert [asked[2] for asked in daemon.asked] == [
        {"arguments": {"room": "living room", "on": True, "brightness": 40}},
        {"arguments": {"room": "kitchen"}, "agent": "guest"},
    ]
    for words in (["room"], ["{broken"]):
        assert (await functions(*common, *words, cwd=tmp_path)).status == 2


async def test_a_call_that_failed_is_status_1(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.answers["POST /v1/functions/set_light/invoke"] = (200, {"outcome": "invalid", "content": "room is missing"})
    ran = await functions("call", "--state-dir", daemon.state, "set_light", cwd=tmp_path)
    assert ran.status == 1
    assert "room is missing" in ran.out


async def test_a_local_call_shows_what_came_of_it_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    ran = await functions("call", "feed_cat", "portions=2", "-d", folder, cwd=tmp_path)
    assert ran.status == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    assert answer.pop("duration_s") > 0
    assert answer == {
        "outcome": "ok",
        "content": "The cat gets 2.",
        "result": "The cat gets 2.",
        "arguments": {"portions": 2},
        "said": ["Miaow."],
        "stored": {"portions": 2},
    }
    failed = await functions("call", "feed_cat", "portions=3", "--local", "-d", folder, cwd=tmp_path)
    assert failed.status == 1
    assert json.loads(failed.out)["content"] == "The bowl is full."
    assert "stored" not in json.loads(failed.out)
    invalid = await functions("call", "feed_cat", "portions=many", "-d", folder, cwd=tmp_path)
    assert json.loads(invalid.out)["outcome"] == "invalid"
    assert sorted(tmp_path.iterdir()) == [folder]


async def test_a_local_call_shows_on_standard_error_what_a_handler_prints_and_logs(tmp_path: Path) -> None:
    folder = tmp_path / "handlers"
    folder.mkdir()
    (folder / "clumsy.py").write_text(
        "from agentd.functions import CallContext, function\n"
        '@function(tier="low")\ndef stumble(ctx: CallContext) -> str:\n    """Stumble."""\n    print("a step")\n'
        '    ctx.log.info("another step")\n    return "Down."\n'
    )
    ran = await functions("call", "stumble", "-d", folder, cwd=tmp_path)
    assert json.loads(ran.out)["outcome"] == "ok"
    assert "a step\n" in ran.err
    assert "info: another step\n" in ran.err


async def test_what_is_dangerous_is_called_here_only_if_confirmed(tmp_path: Path) -> None:
    folder = tmp_path / "handlers"
    folder.mkdir()
    (folder / "gate.py").write_text(
        "from agentd.functions import function\n"
        '@function(tier="high")\ndef open_gate() -> str:\n    """Open the gate."""\n    return "Open."\n'
    )
    (tmp_path / "config.toml").write_text('[agents.guest]\nprompt = "A guest."\n')
    refused = await functions("call", "open_gate", "-d", folder, cwd=tmp_path)
    assert (refused.status, json.loads(refused.out)["outcome"]) == (1, "denied")
    assert json.loads((await functions("call", "open_gate", "-d", folder, "--yes", cwd=tmp_path)).out)["content"] == "Open."
    guest = await functions("call", "open_gate", "-d", folder, "--yes", "--agent", "guest", cwd=tmp_path)
    assert "not available to this agent" in json.loads(guest.out)["content"]
    nobody = await functions("call", "open_gate", "-d", folder, "--agent", "stranger", cwd=tmp_path)
    assert (nobody.status, nobody.out) == (1, "")
    assert "There is no agent 'stranger'" in nobody.err


async def test_who_calls_is_told_what_to_do_about_it(daemon: FakeDaemon, folder: Path, tmp_path: Path) -> None:
    (folder / "gate.py").write_text(
        'from agentd.functions import function\n@function(tier="high")\ndef open_gate():\n    "Open the gate."\n'
    )
    refused = await functions("call", "open_gate", "-d", folder, cwd=tmp_path)
    assert "With --yes it is confirmed here." in refused.err
    unknown = await functions("call", "open_gate", "now", cwd=tmp_path)
    assert "'now' is not key=value; write one such as room=kitchen" in unknown.err

    path = "POST /v1/functions/open_gate/invoke"
    daemon.answers[path] = (200, {"outcome": "error", "content": "The function open_gate failed because of an internal error."})
    failed = await functions("call", "open_gate", "--state-dir", daemon.state, cwd=tmp_path)
    assert "What it raised is in the daemon's log" in failed.err
    detail = "The function open_gate is of tier high: it is called for an agent that is allowed to."
    daemon.answers[path] = (403, {"code": "function-denied", "title": "Denied", "detail": detail})
    high = await functions("call", "open_gate", "--state-dir", daemon.state, cwd=tmp_path)
    assert 'allow_high = ["open_gate"]: --agent NAME' in high.err
    daemon.answers[path] = (403, {"code": "function-denied", "detail": "The function open_gate is not available to this agent."})
    other = await functions("call", "open_gate", "--agent", "door", "--state-dir", daemon.state, cwd=tmp_path)
    assert "[agents.door] of the configuration must list it" in other.err


# --- test ------------------------------------------------------------------------------------------------------------


async def test_examples_are_understood_among_all_functions(folder: Path, tmp_path: Path) -> None:
    ran = await functions("test", "-d", folder, cwd=tmp_path)
    assert ran.status == 0, ran.out
    assert re.search(r"ok +feed_cat +Feed the cat two portions\. +feed_cat\(portions=2\)", ran.out)
    assert "3 of 3 examples are understood." in ran.out
    one = await functions("test", "find_cat", "-d", folder, cwd=tmp_path)
    assert "1 of 1 examples are understood." in one.out
    by_file = await functions("test", folder / "cat.py", "-d", folder, cwd=tmp_path)
    assert "3 of 3 examples are understood." in by_file.out


async def test_examples_are_run_where_that_is_harmless(folder: Path, tmp_path: Path) -> None:
    (folder / "door.py").write_text(
        "from agentd.functions import FunctionError, function\n"
        '@function(tier="medium", examples=["Close the door."])\n'
        'def close_door() -> str:\n    """Close the door."""\n    raise FunctionError("must not run")\n'
        '@function(tier="read", examples=["What is in the mail?"])\n'
        'def read_mail() -> str:\n    """Tell what is in the mail."""\n    raise FunctionError("The mail is away.")\n'
    )
    ran = await functions("test", "--run", "-d", folder, "--json", cwd=tmp_path)
    assert ran.status == 1
    by_example = {item["example"]: item for item in json.loads(ran.out)["items"]}
    assert by_example["Feed the cat two portions."]["detail"] == "The cat gets 2."
    assert (by_example["Close the door."]["verdict"], by_example["Close the door."]["detail"]) == ("ok", "")
    assert by_example["What is in the mail?"]["verdict"] == "failed"
    assert by_example["What is in the mail?"]["detail"] == "error: The mail is away."


async def test_examples_that_are_not_understood_are_told_and_are_status_1(tmp_path: Path) -> None:
    folder = tmp_path / "handlers"
    folder.mkdir()
    (folder / "odd.py").write_text(
        "from typing import Literal\nfrom agentd.functions import function\n"
        '@function(tier="low", examples=["Ring the bell.", "Thank you."])\n'
        'def wash_car(size: Literal["small", "large"] = "small") -> str:\n    """Wash the car."""\n    return ""\n'
        '@function(tier="low", examples=["Paint the wall."])\n'
        'def paint_wall(colour: Literal["red", "green"]) -> str:\n    """Paint the wall in a colour."""\n    return ""\n'
        '@function(tier="low", examples=["Ring the bell."])\n'
        'def ring_bell() -> str:\n    """Ring the bell."""\n    return ""\n'
        '@function(tier="low")\n'
        'def rest() -> str:\n    """Rest."""\n    return ""\n'
    )
    ran = await functions("test", "-d", folder, cwd=tmp_path)
    assert ran.status == 1
    assert re.search(r"other +wash_car +Ring the bell\. +ring_bell\(\) → taken for ring_bell", ran.out)
    assert re.search(r"nothing +wash_car +Thank you\.", ran.out)
    assert re.search(r"asks +paint_wall +Paint the wall\. +.*\?", ran.out)
    assert "1 of 4 examples are understood." in ran.out
    assert "without examples: rest" in ran.out


# --- help and completion ---------------------------------------------------------------------------------------------


async def test_help_names_every_command(tmp_path: Path) -> None:
    ran = await functions("--help", cwd=tmp_path)
    for command in ("new", "list", "show", "check", "call", "reload", "test"):
        assert re.search(rf"^  {command} +\S", ran.out, re.MULTILINE), command


async def test_names_are_completed_from_the_daemon_or_from_the_files(folder: Path, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.answers["GET /v1/functions"] = (200, {"items": [{"name": "set_light"}, {"name": "set_blinds"}, {"name": "get_time"}]})

    async def completed(words: str) -> str:
        typed = f"agentd functions {words}"
        asked = {"_AGENTD_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        return (await agentd(cwd=tmp_path, **asked)).out

    assert (await completed(f"show --state-dir {daemon.state} set")).split() == ["set_blinds", "set_light"]
    assert (await completed(f"call --directory {folder} fe")).split() == ["feed_cat"]
