"""Deepgram's own SDKs, unmodified, hold a conversation: they greet, speak, run their function, type, and have a text spoken."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import plan
from tests.e2e.clients.conftest import RECORDING, SAID, Server
from tests.support.programs import ROOT, SDK4, Ended, needs_sdk4, run

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

ON, OFF = (plan.switch(plan.FUNCTION["name"], json.dumps(given)) for given in (
    {"room": "living room", "on": True}, {"room": "kitchen", "on": False},
))  # fmt: skip


async def converse(program: str, server: Server, folder: Path, **options: Any) -> Ended:
    """Run a program of ``tests/clients`` to the end of its conversation."""
    command = ["-m", f"tests.clients.{program}", server.url, server.key, str(RECORDING)]
    return await run(*command, folder=folder, environment={"PYTHONPATH": str(ROOT)}, **options)


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
    assert not {"Error", "Warning", "InjectionRefused", "(error)"} & set(kinds), ended.out
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


@pytest.mark.parametrize("program", ["sdk7_sync", "sdk7_async"])
async def test_the_current_sdk_converses_and_runs_its_function(server: Server, program: str, tmp_path: Path) -> None:
    ended = await converse(program, server, tmp_path)
    assert_the_whole_conversation_was_held(ended)
    assert ended.of_type("(models)")[0]["known"] >= 1
    await assert_the_daemon_has_it_on_record(server, ended)


@needs_sdk4
async def test_sdk_4_converses_and_runs_its_function(server: Server, tmp_path: Path) -> None:
    ended = await converse("sdk4", server, tmp_path, python=SDK4)
    assert_the_whole_conversation_was_held(ended)
    assert ended.of_type("Close"), "it was told that the connection is closed"
    await assert_the_daemon_has_it_on_record(server, ended)
