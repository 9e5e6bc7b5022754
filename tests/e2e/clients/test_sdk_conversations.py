"""Deepgram's own SDKs, unmodified, hold a conversation: they greet, speak, run their function, type, and have a text spoken."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from tests.clients import plan
from tests.e2e.clients.conftest import RECORDING, SAID, Server
from tests.support.programs import NODE, NODE_CLIENTS, NODE_IS_READY, ROOT, SDK4, Ended, needs_node, needs_sdk4, run

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

ON, OFF = (plan.switch(plan.FUNCTION["name"], json.dumps(given)) for given in (
    {"room": "living room", "on": True}, {"room": "kitchen", "on": False},
))  # fmt: skip


async def converse(program: str, server: Server, folder: Path) -> Ended:
    """Run a program of ``tests/clients`` to the end of its conversation."""
    if program.startswith("sdk5"):
        name, *more = program.split("-")
        command = [str(NODE_CLIENTS / f"{name}.mjs"), server.url, server.key, str(RECORDING), json.dumps(plan.document()), *more]
        return await run(*command, folder=folder, interpreter=NODE)
    interpreter = SDK4 if program.startswith("sdk4") else Path(sys.executable)
    command = ["-m", f"tests.clients.{program}", server.url, server.key, str(RECORDING)]
    return await run(*command, folder=folder, environment={"PYTHONPATH": str(ROOT)}, interpreter=interpreter)


PROGRAMS = {"sdk7": ["sdk7_sync", "sdk7_async"], "sdk4": ["sdk4", "sdk4_async"], "sdk5": ["sdk5", "sdk5-grant"]}
"""By what they need; the last of them changes its key for a token first."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ended(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended | BaseException]:
    """How each client's conversation ended: they talk all at once, each in real time."""
    here = {"sdk7": True, "sdk4": SDK4.exists(), "sdk5": NODE_IS_READY}
    programs = [program for need, programs in PROGRAMS.items() if here[need] for program in programs]
    talks = [converse(program, server, tmp_path_factory.mktemp(program)) for program in programs]
    return dict(zip(programs, await asyncio.gather(*talks, return_exceptions=True), strict=True))


def conversation(ended: dict[str, Ended | BaseException], program: str) -> Ended:
    """The conversation of a program.

    Raises:
        AssertionError: it failed; says what the program said.
    """
    match ended[program]:
        case BaseException() as failure:
            raise failure
        case Ended() as talk:
            return talk


def assert_the_whole_conversation_was_held(ended: Ended) -> None:
    heard, typed = ended.texts("user")
    assert heard.lower().strip(" .!") == SAID
    assert typed == plan.TYPED
    assert ended.texts("assistant") == [plan.GREETING, ON, OFF, plan.GOODBYE]
    calls = [call for request in ended.of_type("FunctionCallRequest") for call in request["functions"]]
    assert [(call["name"], json.loads(call["arguments"]), call["client_side"]) for call in calls] == [
        ("set_lamp", {"room": "living room", "on": True}, True),
        ("set_lamp", {"room": "kitchen", "on": False}, True),
    ]
    kinds = [note["type"] for note in ended.notes]
    assert kinds.count("Welcome") == kinds.count("SettingsApplied") == 1
    assert kinds.index("Welcome") < kinds.index("SettingsApplied") < kinds.index("ConversationText")
    assert kinds.count("AgentAudioDone") == 4
    assert kinds.count("PromptUpdated") == 1
    assert not {"Error", "InjectionRefused", "(error)"} & set(kinds), ended.out
    assert all(warning["code"].endswith("_MAPPED") for warning in ended.of_type("Warning")), ended.out
    done = [at for at, kind in enumerate(kinds) if kind == "AgentAudioDone"]
    for begin, end in zip([0, *done], done, strict=False):
        spoken = sum(note["bytes"] for note in ended.notes[begin:end] if note["type"] == "audio")
        assert spoken > 2 * plan.OUTPUT_RATE, f"less than a second of speech between {begin} and {end}"


async def assert_the_daemon_has_it_on_record(server: Server, ended: Ended) -> None:
    """Through the daemon, the connection was a session like any other."""
    if server.daemon is None:
        return
    (welcome,) = ended.of_type("Welcome")
    sessions = (await server.daemon.call("GET", "/v1/sessions")).json["items"]
    (run_id,) = [session["run_id"] for session in sessions if session["request_id"] == welcome["request_id"]]
    session = (await server.daemon.call("DELETE", f"/v1/sessions/{run_id}")).json  # waits until its end is complete
    assert (session["end_reason"], session["agent"]) == ("client_left", "passthrough")
    usage = session["usage"]
    assert (usage["function_calls"], usage["renewals"]) == (2, 0)
    assert usage["audio_in_s"] > 1
    assert usage["audio_out_s"] > 4


@pytest.mark.parametrize("program", PROGRAMS["sdk7"])
async def test_the_current_sdk_converses_and_runs_its_function(
    server: Server, program: str, ended: dict[str, Ended | BaseException]
) -> None:
    talk = conversation(ended, program)
    assert_the_whole_conversation_was_held(talk)
    assert talk.of_type("(models)")[0]["known"] >= 1
    await assert_the_daemon_has_it_on_record(server, talk)


@needs_sdk4
@pytest.mark.parametrize("program", PROGRAMS["sdk4"])
async def test_sdk_4_converses_and_runs_its_function(
    server: Server, program: str, ended: dict[str, Ended | BaseException]
) -> None:
    talk = conversation(ended, program)
    assert_the_whole_conversation_was_held(talk)
    assert talk.of_type("Close"), "it was told that the connection is closed"
    await assert_the_daemon_has_it_on_record(server, talk)


@needs_node
async def test_the_javascript_sdk_converses_and_runs_its_function(
    server: Server, ended: dict[str, Ended | BaseException]
) -> None:
    talk = conversation(ended, "sdk5")
    assert_the_whole_conversation_was_held(talk)
    assert talk.of_type("(close)") == [{"type": "(close)", "code": 1000}]
    await assert_the_daemon_has_it_on_record(server, talk)


@needs_node
async def test_the_javascript_sdk_converses_with_a_token_it_was_granted(
    server: Server, ended: dict[str, Ended | BaseException]
) -> None:
    talk = conversation(ended, "sdk5-grant")
    assert_the_whole_conversation_was_held(talk)
    assert talk.of_type("(grant)")[0]["expires_in"] == 60
    assert talk.of_type("(models)")[0]["known"] >= 1
    await assert_the_daemon_has_it_on_record(server, talk)
