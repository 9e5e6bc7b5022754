"""Function calls of a live session: side by side, answered in order, cancelled as declared, each settled exactly once."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentd.functions.call import CallRequest
from agentd.functions.service import Functions
from agentd.sessions.session import Session
from agentd.supervise import spawn
from tests.support.sessions import World, drop_all, world
from tests.support.sound import chunks, loud, quiet

pytestmark = pytest.mark.e2e

HANDLERS = """
import asyncio
import pathlib
from agentd.functions import *

@function(tier="read")
async def gate(ctx: CallContext, name: str) -> str:
    "Ends once its file is there."
    await open_(name)
    return f"{name} came"

@function(tier="low")
async def act(ctx: CallContext, name: str) -> str:
    "Acts once its file is there."
    await mark(name, "begun")
    await open_(name)
    await mark(name, "acted")
    return f"{name} acted"

@function(tier="low", cancel_on_barge_in=True)
async def drop(ctx: CallContext, name: str) -> str:
    "As act, but it stops when the user speaks."
    await mark(name, "begun")
    try:
        await open_(name)
    except asyncio.CancelledError:
        await mark(name, "told")
        raise
    return f"{name} acted"

@function(tier="low", timeout_s=0.3)
async def slow(ctx: CallContext) -> str:
    "Never ends."
    await asyncio.sleep(60)
    return "never"

@function(tier="high")
async def unlock(ctx: CallContext, name: str) -> str:
    "Needs a confirmation."
    await mark(name, "begun")
    return "unlocked"

async def open_(name: str) -> None:
    while not (FOLDER / name).exists():
        await asyncio.sleep(0.005)

async def mark(name: str, what: str) -> None:
    (FOLDER / f"{name}.{what}").touch()
"""


def handlers(folder: Path) -> dict[str, str]:
    return {"calls.py": HANDLERS + f"\nFOLDER = pathlib.Path({str(folder)!r})\n"}


def request(*calls: dict[str, Any], wait: bool = True) -> dict[str, Any]:
    return {"calls": list(calls), "wait": wait}


def call(function: str, call_id: str | None, **arguments: Any) -> dict[str, Any]:
    return {"name": function, "arguments": arguments} | ({"id": call_id} if call_id else {})


def frame(type_: str, *calls: dict[str, Any]) -> bytes:
    """A text frame of the upstream about calls."""
    return orjson.dumps({"type": type_, "functions": list(calls)})


def asked(function: str, call_id: str, *, client_side: bool = True, **arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "name": function, "arguments": orjson.dumps(arguments).decode(), "client_side": client_side}


def answers(here: World, connection: int = 0) -> list[tuple[str, str]]:
    return [(answer["id"], answer["content"]) for answer in here.peer.connections[connection].of_type("FunctionCallResponse")]


def events(session: Session, *types: str) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, dict(event.data)) for event in session.events_since(0)[0] if event.type in types]


async def settled(session: Session, call_id: str) -> str:
    """The outcome of a call, once it has one."""

    def probe() -> str | None:
        record = session.conversation.tracker.find_call(call_id)
        return None if record is None else record.outcome

    return await session.conversation.changes.until(probe, timeout_s=30)


async def exists(path: Path) -> None:
    async with asyncio.timeout(30):
        while not path.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)


async def test_calls_of_one_request_run_side_by_side_and_are_answered_in_its_order(tmp_path: Path) -> None:
    script = {"default": [request(call("gate", "a", name="one"), call("gate", "b", name="two")), {"say": "{result}."}]}
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        turn = await session.inject_user("both")
        (tmp_path / "two").touch()
        assert await settled(session, "b") == "ok", "the second did not wait for the first to run"
        assert answers(here) == [], "its answer does"
        (tmp_path / "one").touch()
        await session.conversation.changes.until(lambda: turn.outcome, timeout_s=30)
        assert answers(here) == [("a", "one came"), ("b", "two came")]
        finished = [data["call_id"] for _, data in events(session, "FunctionCallFinished")]
        assert finished == ["b", "a"], "what is told of a call is told when it is so"


async def test_a_call_that_was_cancelled_or_ran_out_of_time_holds_up_no_answer(tmp_path: Path) -> None:
    calls = request(call("slow", "late"), call("gate", "here", name="here"))
    async with world(tmp_path, {"default": [calls, {"say": "{result}."}]}, handlers=handlers(tmp_path)) as here:
        (tmp_path / "here").touch()
        session = await here.session()
        turn = await session.inject_user("both", wait="reply")
        assert [record.outcome for record in turn.calls] == ["timeout", "ok"]
        assert [call_id for call_id, _ in answers(here)] == ["late", "here"]


async def test_a_slow_call_holds_up_no_other_session(tmp_path: Path) -> None:
    script = {
        "on": [{"event": "user", "match": "slow", "steps": [request(call("gate", "s", name="never"))]}],
        "default": [{"say": "Quick.", "audio_s": 0.1}],
    }
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        held = await here.session()
        waits = await held.inject_user("slow")
        other = await here.session()
        assert (await other.inject_user("hello", wait="reply")).said_text == "Quick."
        assert waits.outcome is None


async def test_over_a_call_that_only_looks_the_user_speaks_and_it_stops(tmp_path: Path) -> None:
    script = {"default": [request(call("gate", "a", name="never")), {"say": "{result}."}]}
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("look")
        await session.conversation.changes.until(lambda: here.functions.at_work(session.run_id, "a"), timeout_s=30)
        await session.inject_audio(chunks(loud(0.6)))
        assert await settled(session, "a") == "cancelled"
        assert answers(here) == []


async def test_over_a_call_that_acts_the_user_speaks_and_it_runs_to_its_end_unanswered(tmp_path: Path) -> None:
    script = {
        "on": [{"event": "user", "match": "act", "steps": [request(call("act", "a", name="door")), {"say": "{result}."}]}],
        "speech_default": "never mind",
        "default": [{"say": "Fine.", "audio_s": 0.1}],
    }
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        first = await session.inject_user("act")
        await exists(tmp_path / "door.begun")
        injection = await session.inject_audio(chunks(loud(0.6) + quiet(1.0)), wait="reply")
        assert [turn.said_text for turn in injection.turns] == ["Fine."], "nobody waits for the call"
        assert first.outcome == "interrupted"
        record = session.conversation.tracker.find_call("a")
        assert record is not None
        assert (record.outcome, record.awaited) == (None, False)
        so_far = events(session, "FunctionCallCancelled", "FunctionCallFinished")
        assert [type_ for type_, _ in so_far] == ["FunctionCallCancelled"]
        (tmp_path / "door").touch()
        assert await settled(session, "a") == "ok"
        ((_, told),) = events(session, "FunctionCallFinished")
        assert (told["outcome"], told["result"], told["turn"]) == ("ok", "door acted", first.n)
        assert answers(here) == []
        await here.store.flushed()
        assert [(kept["n"], kept["calls"][0]["outcome"]) for kept in await here.store.turns(session.run_id) if kept["calls"]] == [
            (first.n, "ok")
        ], "the turn is kept with what came of its call after it had ended"


async def test_a_handler_that_is_declared_to_stop_is_told(tmp_path: Path) -> None:
    script = {"default": [request(call("drop", "a", name="door")), {"say": "{result}."}]}
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("act")
        await exists(tmp_path / "door.begun")
        await session.inject_audio(chunks(loud(0.6)))
        await exists(tmp_path / "door.told")
        assert await settled(session, "a") == "cancelled"


async def test_a_call_that_has_not_begun_is_withdrawn_whatever_it_is_declared_as(tmp_path: Path) -> None:
    calls = request(call("act", "a", name="first"), call("act", "b", name="second"))
    async with world(
        tmp_path, {"default": [calls]}, handlers=handlers(tmp_path), function_calls_per_session=1, function_calls=1
    ) as here:
        session = await here.session()
        await session.inject_user("act")
        await exists(tmp_path / "first.begun")
        await session.inject_audio(chunks(loud(0.6)))
        assert await settled(session, "b") == "cancelled"
        (tmp_path / "first").touch()
        assert await settled(session, "a") == "ok"
        assert not (tmp_path / "second.begun").exists()


async def test_over_a_call_that_waits_for_its_confirmation_the_user_speaks_and_it_is_withdrawn(tmp_path: Path) -> None:
    agent = {"functions": ["unlock"], "allow_high": ["unlock"]}
    script = {"default": [request(call("unlock", "a", name="door"), wait=False)]}
    async with world(tmp_path, script, handlers=handlers(tmp_path), agent=agent) as here:
        session = await here.session()
        await session.inject_user("unlock it")
        await session.conversation.changes.until(lambda: events(session, "ConfirmationRequested") or None, timeout_s=30)
        await session.inject_audio(chunks(loud(0.6)))
        assert await settled(session, "a") == "cancelled"
        ((_, told),) = events(session, "ConfirmationSettled")
        assert (told["call_id"], told["outcome"]) == ("a", "withdrawn")
        assert here.functions.gate.confirmations.waiting() == []
        assert not (tmp_path / "door.begun").exists()


async def test_the_end_of_the_session_stops_what_a_barge_in_let_run(tmp_path: Path) -> None:
    async with world(tmp_path, {"default": [request(call("act", "a", name="door"))]}, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("act")
        await exists(tmp_path / "door.begun")
        await session.inject_audio(chunks(loud(0.6)))
        await here.manager.stop(session.id)
        record = session.conversation.tracker.find_call("a")
        assert record is not None
        assert record.outcome == "cancelled"
        assert [type_ for type_, _ in events(session, "FunctionCallFinished", "SessionEnded")] == [
            "FunctionCallFinished",
            "SessionEnded",
        ]


async def test_a_renewed_connection_is_told_what_came_of_a_call_the_user_spoke_over(tmp_path: Path) -> None:
    script = {
        "on": [
            {"event": "user", "match": "act", "steps": [request(call("act", "a", name="door"))]},
            {"event": "user", "match": "remember", "steps": [{"say": "{context}", "audio_s": 0.1}]},
        ],
        "speech_default": "wait",
        "default": [{"say": "Fine.", "audio_s": 0.1}],
    }
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("act")
        await exists(tmp_path / "door.begun")
        await session.inject_audio(chunks(loud(0.6) + quiet(1.0)), wait="reply")
        (tmp_path / "door").touch()
        await settled(session, "a")
        drop_all(here.peer)
        await session.conversation.changes.until(
            lambda: (session.lifeline.renewals and session.state == "active") or None, timeout_s=30
        )
        turn = await session.inject_user("what do you remember", wait="reply")
        assert "door acted" in (turn.said_text or "")


async def test_a_call_that_outlives_its_connection_is_waited_for_and_not_made_again(tmp_path: Path) -> None:
    ask = {"event": "user", "match": "act", "times": 1, "steps": [request(call("act", "a", name="door"))]}
    again = {"event": "user", "match": "act", "steps": [request(call("act", "b", name="door")), {"say": "{result}."}]}
    async with world(tmp_path, {"on": [ask, again]}, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        turn = await session.inject_user("act")
        await exists(tmp_path / "door.begun")
        (tmp_path / "door.begun").unlink()
        drop_all(here.peer)
        await here.peer.wait_for(
            lambda peer: (
                peer.connection_count == 2 and any(m["type"] == "InjectUserMessage" for m in peer.connections[1].messages)
            ),
            timeout=10,
        )
        await session.conversation.changes.until(lambda: session.conversation.tracker.find_call("b"), timeout_s=30)
        (tmp_path / "door").touch()
        await session.conversation.changes.until(lambda: turn.outcome, timeout_s=30)
        assert answers(here, 1) == [("b", "door acted")]
        assert not (tmp_path / "door.begun").exists(), "it ran once"


async def test_the_gate_is_told_the_turn_of_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int | None]] = []
    real = Functions.call

    async def noted(self: Functions, request: CallRequest) -> Any:
        asked.append((request.call_id, request.turn))
        return await real(self, request)

    monkeypatch.setattr(Functions, "call", noted)
    script = {
        "on": [
            {
                "event": "user",
                "steps": [
                    request(call("gate", None, name="open")),
                    request(call("gate", None, name="open")),
                    {"say": "Done.", "audio_s": 0.1},
                ],
            },
        ],
    }
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        (tmp_path / "open").touch()
        session = await here.session()
        first = await session.inject_user("one", wait="reply")
        second = await session.inject_user("two", wait="reply")
        turns = {turn.n: [record.call_id for record in turn.calls] for turn in (first, second)}
        assert asked == [(call_id, n) for n, ids in turns.items() for call_id in ids]
        assert [len(ids) for ids in turns.values()] == [2, 2]


async def test_the_events_of_a_call_say_who_called_and_what_kind_of_function_it_is(tmp_path: Path) -> None:
    script = {"default": [request(call("act", "a", name="door"), call("nothing", "b")), {"say": "Done.", "audio_s": 0.1}]}
    async with world(tmp_path, script, handlers=handlers(tmp_path)) as here:
        (tmp_path / "door").touch()
        session = await here.session()
        turn = await session.inject_user("act", wait="reply")
        told = events(session, "FunctionCallStarted", "FunctionCallFinished")
        known = {"turn": turn.n, "agent": "test", "kind": "handler", "tier": "low"}
        unknown = {"turn": turn.n, "agent": "test", "kind": None, "tier": None}
        for type_, data in told:
            assert {name: data[name] for name in known} == (known if data["call_id"] == "a" else unknown), type_
        finished = {data["call_id"]: data for type_, data in told if type_ == "FunctionCallFinished"}
        assert [finished[call_id]["outcome"] for call_id in "ab"] == ["ok", "unknown"]
        assert finished["a"]["duration_s"] >= 0
        wordless = [event.json(words=False) for event in session.events_since(0)[0] if event.type.startswith("FunctionCall")]
        assert all(b"door" not in line for line in wordless)
        assert b'"tier":"low"' in wordless[1] + wordless[2]


async def test_a_call_that_comes_when_the_session_has_ended_runs_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, {}, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        link = session.conversation.link
        assert link is not None
        async with asyncio.TaskGroup() as group:
            spawn(group, here.manager.stop(session.id), name="test:stop")
            await session.conversation.changes.until(lambda: session.state == "stopping" or None, timeout_s=30)
            link.on_text(frame("FunctionCallRequest", asked("act", "a", name="door")))
        told = events(session, "FunctionCallStarted", "FunctionCallFinished", "SessionEnded")
        assert [type_ for type_, _ in told] == ["FunctionCallStarted", "FunctionCallFinished", "SessionEnded"]
        assert told[1][1]["outcome"] == "cancelled"
        assert not (tmp_path / "door.begun").exists()


@pytest.mark.parametrize("how", ["answered", "cancelled", "connection lost", "session ended"])
async def test_a_call_that_the_upstream_runs_itself_is_settled_once(tmp_path: Path, how: str) -> None:
    async with world(tmp_path, {"default": [{"stall": True}]}) as here:
        session = await here.session()
        await session.inject_user("look it up")
        line = here.peer.connections[0].line
        line.send_unchecked(frame("FunctionCallRequest", asked("theirs", "a", client_side=False)).decode())
        await session.conversation.changes.until(lambda: events(session, "FunctionCallStarted") or None, timeout_s=30)
        if how == "answered":
            line.send_unchecked('{"type": "UserStartedSpeaking"}')
            line.send_unchecked('{"type": "FunctionCallResponse", "id": "a", "name": "theirs", "content": "found"}')
        elif how == "cancelled":
            line.send_unchecked(frame("FunctionCallCancelled", {"id": "a", "name": "theirs"}).decode())
        elif how == "connection lost":
            drop_all(here.peer)
        else:
            await here.manager.stop(session.id)
        assert await settled(session, "a") == ("ok" if how == "answered" else "cancelled")
        await here.manager.stop(session.id)
        ((_, told),) = events(session, "FunctionCallFinished")
        assert told["result"] == ("found" if how == "answered" else None)
        assert session.usage()["function_calls"] == 0, "it was none of ours"


async def test_a_call_that_waited_for_its_confirmation_when_the_connection_broke_is_asked_for_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.sessions.calls.GRACE_S", 0.05)
    agent = {"functions": ["unlock"], "allow_high": ["unlock"]}
    ask = {"event": "user", "times": 1, "steps": [request(call("unlock", "a", name="door"))]}
    again = {"event": "user", "steps": [request(call("unlock", "b", name="door")), {"say": "{result}.", "audio_s": 0.1}]}
    async with world(tmp_path, {"on": [ask, again]}, handlers=handlers(tmp_path), agent=agent) as here:
        session = await here.session()
        turn = await session.inject_user("unlock it")
        await session.conversation.changes.until(lambda: events(session, "ConfirmationRequested") or None, timeout_s=30)
        drop_all(here.peer)
        await session.conversation.changes.until(
            lambda: len(events(session, "ConfirmationRequested")) == 2 or turn.outcome, timeout_s=30
        )
        (waiting,) = here.functions.gate.confirmations.waiting()
        assert waiting.call_id == "b"
        here.functions.gate.confirmations.decide(waiting.nonce, approve=True, by="phone")
        await session.conversation.changes.until(lambda: turn.outcome, timeout_s=30)
        assert answers(here, 1) == [("b", "unlocked")]
        assert [(record.call_id, record.outcome) for record in turn.calls] == [("a", "cancelled"), ("b", "ok")]


async def test_a_renewed_connection_is_told_that_a_withdrawn_call_did_nothing(tmp_path: Path) -> None:
    agent = {"functions": ["unlock"], "allow_high": ["unlock"]}
    script = {
        "on": [
            {"event": "user", "match": "unlock", "steps": [request(call("unlock", "a", name="door"), wait=False)]},
            {"event": "user", "match": "remember", "steps": [{"say": "{context}", "audio_s": 0.1}]},
        ],
        "default": [{"say": "Fine.", "audio_s": 0.1}],
    }
    async with world(tmp_path, script, handlers=handlers(tmp_path), agent=agent) as here:
        session = await here.session()
        await session.inject_user("unlock it")
        await session.conversation.changes.until(lambda: events(session, "ConfirmationRequested") or None, timeout_s=30)
        await session.inject_audio(chunks(loud(0.6) + quiet(1.0)), wait="reply")
        drop_all(here.peer)
        await session.conversation.changes.until(
            lambda: (session.lifeline.renewals and session.state == "active") or None, timeout_s=30
        )
        turn = await session.inject_user("what do you remember", wait="reply")
        assert "withdrawn before it began; nothing was done" in (turn.said_text or "")
