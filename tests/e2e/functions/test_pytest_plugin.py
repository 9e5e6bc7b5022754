"""The pytest plugin in a fresh folder, as its users have it."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CAT = '''\
from typing import Annotated
from pydantic import Field
from agentd.functions import AskUser, CallContext, FunctionError, function


@function(tier="low", examples=["Feed the cat two portions."])
async def feed_cat(ctx: CallContext, portions: Annotated[int, Field(description="How many portions", ge=1, le=3)] = 1) -> str:
    """Feed the cat."""
    if ctx.config.get("diet"):
        raise FunctionError("The cat is on a diet.")
    print("the bowl fills")
    await ctx.store.set("portions", portions)
    await ctx.say("Miaow.", behavior="interrupt")
    await ctx.update_prompt("The cat was fed.")
    await ctx.later(600, say="The cat is hungry again.", label="cat")
    return f"The cat gets {portions}."


@function(tier="read", examples=["How often was the cat fed?"])
async def count_meals(ctx: CallContext) -> dict[str, object]:
    """Tell how often the cat was fed."""
    return {"portions": await ctx.store.get("portions", 0), "caller": ctx.metadata.get("caller"), "agent": ctx.agent}


@function(tier="low", examples=["Groom the cat."])
def groom_cat(tool: str = "") -> str:
    """Groom the cat."""
    if not tool:
        raise AskUser("With what?", argument="tool")
    return f"Groomed with {tool}."


@function(tier="low", examples=["Goodbye, cat."])
async def leave_cat(ctx: CallContext) -> str:
    """Say goodbye to the cat."""
    await ctx.end_session()
    return "Goodbye."


@function(tier="high", examples=["Sell the cat."])
def sell_cat(price: int = 10) -> str:
    """Sell the cat."""
    return "Sold."


@function(tier="low", examples=["Brush the cat."], background=True)
async def brush_cat() -> str:
    """Brush the cat."""
    return "The cat is brushed."


@function(tier="low")
async def lend_cat(ctx: CallContext) -> str:
    """Lend the cat."""
    await ctx.hand_over("neighbour")
    return "It is lent."


@function(tier="read")
def vanish() -> str:
    """Vanish."""
    import os

    os._exit(1)
'''

HANDLER_TESTS = """
import pytest


def test_everything_a_handler_does_is_seen(functions):
    done = functions.call("feed_cat", portions=2)
    assert done.outcome == "ok"
    assert done.content == done.result == "The cat gets 2."
    assert done.said == ("Miaow.",)
    assert done.prompts == ("The cat was fed.",)
    assert done.stored == {"portions": 2}
    assert [(plan.seconds, plan.say, plan.label) for plan in done.plans] == [(600, "The cat is hungry again.", "cat")]
    assert not done.ended
    assert functions.said == ["Miaow."]


def test_every_test_begins_anew(functions):
    assert functions.call("count_meals").result["portions"] == 0
    assert functions.said == []


def test_a_call_has_a_caller_and_an_agent(functions):
    functions.caller = "+431234"
    functions.agent = "guest"
    assert functions.call("count_meals").result == {"portions": 0, "caller": "+431234", "agent": "guest"}


def test_errors_are_outcomes(functions):
    assert functions.call("feed_cat", portions=9).outcome == "invalid"
    assert functions.call("feed_dog").outcome == "unknown"
    assert "its process ended" in functions.call("vanish").content
    assert functions.call_json("feed_cat", '{"portions": ').outcome == "invalid"
    assert functions.call("groom_cat").question == "With what?"
    assert functions.call("groom_cat", tool="a comb").question is None
    assert functions.call("leave_cat").ended


def test_sentences_are_understood(functions):
    assert functions.understand("Feed the cat two portions.").calls == [("feed_cat", {"portions": 2})]
    assert functions.declaration("feed_cat")["parameters"]["properties"]["portions"]["maximum"] == 3
    with pytest.raises(LookupError, match="feed_cat, groom_cat"):
        functions.declaration("feed_dog")


def test_what_is_dangerous_is_confirmed_by_a_person(functions):
    assert functions.call("sell_cat").content == "Sold."
    assert functions.confirmations == [("sell_cat", {"price": 10})]
    functions.confirm = False
    assert functions.call("sell_cat").outcome == "denied"


def test_what_comes_later_is_waited_for(functions):
    assert functions.call("brush_cat").outcome == "ok"
    assert functions.wait_said(1) == ["The cat is brushed."]
    assert functions.call("lend_cat").handed_over == "neighbour"


def test_calls_of_one_turn_are_a_turn(functions):
    with functions.one_turn():
        outcomes = [functions.call("count_meals").outcome for _ in range(4)]
    assert outcomes == ["ok", "ok", "ok", "denied"]
    assert functions.call("count_meals").outcome == "ok"


class TestWithADelegatedFunction:
    @pytest.fixture
    def agentd_settings(self):
        table = {"description": "Show the cat.", "tier": "low", "parameters": {"where": "string"}}
        return {"functions": {"delegated": {"show_cat": table}}}

    def test_its_client_answers(self, functions):
        functions.answers["show_cat"] = "The cat is shown."
        assert functions.call("show_cat", where="wall").content == "The cat is shown."


class TestWithConfiguration:
    @pytest.fixture
    def agentd_settings(self):
        return {"functions": {"cat": {"diet": True}}}

    def test_a_handler_gets_its_table(self, functions):
        assert functions.call("feed_cat").content == "The cat is on a diet."
"""

CONVERSATION_TESTS = """
import json

import pytest


def test_words_become_a_call_and_an_answer(conversation):
    turn = conversation.say("Feed the cat two portions.")
    assert turn.calls == [("feed_cat", {"portions": 2})]
    assert turn.said.endswith("The cat gets 2.")
    assert conversation.prompt.endswith("The cat was fed.")


def test_every_conversation_begins_anew(conversation):
    conversation.start(metadata={"caller": "+431234"})
    turn = conversation.say("How often was the cat fed?")
    assert json.loads(turn.settled[0].result) == {"portions": 0, "caller": "+431234", "agent": "home"}


def test_what_a_model_calls_is_laid_down(conversation):
    conversation.script([
        {"call": "feed_cat", "arguments": {"portions": 9}},
        {"call": "feed_cat", "arguments": {"portions": 3}},
        {"say": "Done: {result}"},
    ])
    turn = conversation.say("Feed the cat nine portions.")
    assert turn.calls == [("feed_cat", {"portions": 9}), ("feed_cat", {"portions": 3})]
    assert turn.outcomes == ["invalid", "ok"]
    assert turn.said.endswith("Done: The cat gets 3.")
    assert conversation.wait_for("FunctionCallFinished", outcome="ok")["name"] == "feed_cat"
    assert ("user", "Feed the cat nine portions.") in conversation.transcript


def test_a_question_is_asked_and_answered(conversation):
    assert conversation.say("Groom the cat.").said == "With what?"
    assert conversation.say("a comb").calls == [("groom_cat", {"tool": "comb"})]


def test_a_conversation_is_ended_by_a_function(conversation):
    assert conversation.say("Goodbye, cat.").calls == [("leave_cat", {})]
    conversation.wait_for("SessionEnded")
    assert conversation.session["end_reason"] == "agent_ended"


class TestWithAProfile:
    @pytest.fixture
    def agentd_settings(self):
        return {"agents": {"home": {"allow_high": ["sell_cat"]}}}

    def test_a_person_confirms(self, conversation):
        assert conversation.say("Sell the cat.").said.endswith("Sold.")
        assert conversation.confirmations == [("sell_cat", {"price": 10})]

    def test_a_person_refuses(self, conversation):
        conversation.confirm = False
        assert conversation.say("Sell the cat.").outcomes == ["denied"]


def test_a_refusal_is_told(conversation):
    with pytest.raises(AssertionError, match="There is no agent 'nobody'"):
        conversation.start(agent="nobody")
"""

ASYNC_TESTS = '''
from aiohttp import web
from aiohttp.test_utils import TestServer
from pathlib import Path
import pytest

HANDLER = """
import urllib.request
from agentd.functions import CallContext, function


@function(tier="read", examples=["Look at the thermometer."])
def look(ctx: CallContext) -> str:
    \\"\\"\\"Look at the thermometer.\\"\\"\\"
    with urllib.request.urlopen(ctx.config["url"], timeout=5) as answer:
        return answer.read().decode()
"""


async def thermometer(request):
    return web.Response(text="It is warm.")


@pytest.fixture
def port(unused_tcp_port):
    return unused_tcp_port


@pytest.fixture
def agentd_settings(port):
    return {"functions": {"thermometer": {"url": f"http://127.0.0.1:{port}/"}}}


@pytest.fixture
def agentd_functions_dir(tmp_path):
    (tmp_path / "thermometer.py").write_text(HANDLER)
    return tmp_path


async def test_a_server_of_the_test_answers_the_handler(functions, conversation, port):
    app = web.Application()
    app.router.add_get("/", thermometer)
    async with TestServer(app, host="127.0.0.1", port=port):
        assert (await functions.acall("look")).content == "It is warm."
        assert (await conversation.asay("Look at the thermometer.")).said == "It is warm."
'''


@pytest.fixture
def fresh(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder of a user's: handlers in functions/, warnings are errors."""
    pytester.mkdir("functions").joinpath("cat.py").write_text(CAT)
    pytester.makeini(
        """
        [pytest]
        filterwarnings = error
        asyncio_default_fixture_loop_scope = function
        """
    )
    return pytester


def run(fresh: pytest.Pytester, *options: str, **files: str) -> pytest.RunResult:
    """pytest in a process of its own."""
    fresh.makepyfile(**files)
    return fresh.runpytest_subprocess(*options, timeout=100)


def test_handlers_are_tested_in_a_fresh_folder(fresh: pytest.Pytester) -> None:
    without_asyncio = ("-p", "no:asyncio", "-p", "no:aiohttp")
    fresh.makeini("[pytest]\nfilterwarnings = error\n")
    run(fresh, *without_asyncio, test_cat=HANDLER_TESTS).assert_outcomes(passed=10)


def test_conversations_are_tested_in_a_fresh_folder(fresh: pytest.Pytester) -> None:
    run(fresh, test_talk=CONVERSATION_TESTS).assert_outcomes(passed=8)


@pytest.mark.parametrize("plugins", [("-p", "no:aiohttp"), ()], ids=["pytest-asyncio", "pytest-aiohttp"])
def test_asynchronous_tests_await(fresh: pytest.Pytester, plugins: tuple[str, ...]) -> None:
    port = "import socket\n\n\n@pytest.fixture\ndef unused_tcp_port():\n"
    port += "    with socket.create_server(('127.0.0.1', 0)) as one:\n        return one.getsockname()[1]\n"
    run(fresh, *plugins, "-o", "asyncio_mode=auto", test_async=ASYNC_TESTS + "\n\n" + port).assert_outcomes(passed=1)


def test_what_does_not_load_and_what_is_not_kept_to_fails_with_its_reason(fresh: pytest.Pytester) -> None:
    script = '{"conversation": [{"expect": "Settings"}, {"expect": "InjectUserMessage", "fields": {"content": "Hello."}}]}'
    talk = f"""
    def test_the_script_is_not_kept_to(conversation):
        conversation.script({script})
        conversation.start()
        conversation.stop()
    """
    result = run(fresh, test_talk=talk)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*expected InjectUserMessage*"])
    fresh.path.joinpath("functions", "broken.py").write_text("import nothing_of_that_name\n")
    result = run(fresh, "test_cat.py", test_cat="def test_it(functions):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*not loaded: *broken.py:1: ModuleNotFoundError*"])
    result.stdout.no_fnmatch_line("*another exception occurred*")


def test_a_test_that_fails_shows_what_was_answered(fresh: pytest.Pytester) -> None:
    failing = "def test_it(functions):\n    assert functions.call('feed_cat', portions=9).outcome == 'ok'\n"
    result = run(fresh, "test_wrong.py", test_wrong=failing)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*event='called' function='feed_cat' * outcome='invalid' content='The arguments of feed_cat do not*"]
    )


def test_a_folder_is_found_or_told(pytester: pytest.Pytester) -> None:
    lost = pytester.makepyfile(test_lost="def test_it(functions):\n    assert functions.call('ring').content == 'Ring.'\n")
    result = pytester.runpytest_subprocess(lost)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*No folder `functions` was found around or above this test*agentd_functions_dir*"])
    folder = pytester.mkdir("handlers")
    bell = """
        from agentd.functions import function

        @function(tier="low")
        def ring() -> str:
            '''Ring.'''
            return "Ring."
    """
    folder.joinpath("bell.py").write_text(dedent(bell))
    pytester.makeini("[pytest]\nagentd_functions_dir = handlers\n")
    pytester.runpytest_subprocess(lost).assert_outcomes(passed=1)


def test_a_test_that_new_writes_passes(pytester: pytest.Pytester) -> None:
    for words in (["feed_fish", "--tier", "low"], ["water_level", "-d", "mine"]):
        command = [sys.executable, "-m", "agentd", "functions", "new", "--with-test", *words]
        subprocess.run(command, cwd=pytester.path, check=True, capture_output=True)
    pytester.runpytest_subprocess("functions", "mine").assert_outcomes(passed=7)


def test_the_plugin_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    code = "import sys, agentd.testing.plugin; print(*sorted(name for name in sys.modules if name.startswith('agentd')))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["agentd", "agentd.testing", "agentd.testing.plugin"]
