"""A session goes on as another agent: its prompt, functions and voice change in mid-conversation, and nothing is lost."""

from pathlib import Path
from typing import Any

import pytest

from agentd.config import Settings
from agentd.errors import Forbidden, InvalidRequest
from agentd.sessions.profiles import Profiles
from agentd.sessions.session import Session
from agentd.sessions.spec import StartSpec
from tests.support.sessions import World, drop_all, world

pytestmark = pytest.mark.e2e

HANDLERS = '''
from agentd.functions import *

@function(tier="low")
async def switch(ctx: CallContext, to: str) -> str:
    """Go on as another agent."""
    await ctx.hand_over(to)
    return f"now {to}"

@function(tier="low")
async def schedule(ctx: CallContext) -> str:
    """Schedule, as who it is."""
    return f"scheduled by {ctx.agent}"

@function(tier="low")
async def note(ctx: CallContext) -> str:
    """Take a note, as who it is."""
    return f"noted by {ctx.agent}"
'''

SCHEDULING: dict[str, Any] = {"prompt": "You schedule.", "functions": ["switch", "schedule"], "hand_over": ["notes", "dispatch"]}
NOTES: dict[str, Any] = {
    "prompt": "You take notes.",
    "greeting": "Notes it is.",
    "functions": ["switch", "note"],
    "hand_over": ["test"],
    "settings": {"agent": {"speak": {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}}},
}
DISPATCH: dict[str, Any] = {"prompt": "You dispatch.", "functions": [], "upstream": "deepgram"}
AGENTS = {"notes": NOTES, "dispatch": DISPATCH, "stranger": {"prompt": "Nobody hands over to me."}}


def to(agent: str) -> dict[str, Any]:
    return {"call": "switch", "arguments": {"to": agent}}


SAYS_RESULT = {"say": "{result}", "audio_s": 0.05}
SCRIPT: dict[str, Any] = {
    "on": [
        {"event": "user", "match": "back and forth", "steps": [to("notes"), to("test"), {"call": "schedule"}, SAYS_RESULT]},
        {"event": "user", "match": "to ", "steps": [{"call": "switch", "arguments": {"to": "{text}"}}, SAYS_RESULT]},
        {"event": "user", "match": "notes", "steps": [to("notes"), SAYS_RESULT]},
        {"event": "user", "match": "scheduling", "steps": [to("test"), SAYS_RESULT]},
        {
            "event": "user",
            "match": "do both",
            "steps": [{"call": "schedule"}, {"call": "note"}, {"say": "Both.", "audio_s": 0.05}],
        },
        {"event": "user", "match": "who", "steps": [{"say": "{prompt} {voice}", "audio_s": 0.05}]},
        {"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.05}]},
    ]
}


def changes(session: Session) -> list[tuple[str, str]]:
    found = [event.data for event in session.events_since(0)[0] if event.type == "AgentChanged"]
    return [(data["from"], data["to"]) for data in found]


def sent(here: World, type_: str) -> list[dict[str, Any]]:
    return here.peer.connections[-1].of_type(type_)


async def outcomes(session: Session, text: str) -> dict[str, str | None]:
    turn = await session.inject_user(text, wait="reply")
    return {call.name: call.outcome for call in turn.calls}


async def test_prompt_functions_and_voice_change_in_mid_conversation(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session()
        assert await outcomes(session, "do both") == {"schedule": "ok", "note": "denied"}
        turn = await session.inject_user("notes please", wait="reply")
        assert "now notes" in (turn.said_text or "")
        assert [text["message"] for text in sent(here, "InjectAgentMessage")] == ["Notes it is."]
        ((think,), (speak,)) = sent(here, "UpdateThink"), sent(here, "UpdateSpeak")
        assert think["think"]["prompt"] == "You take notes."
        assert sorted(function["name"] for function in think["think"]["functions"]) == ["note", "switch"]
        assert speak["speak"]["provider"]["model"] == "aura-2-zeus-en"
        assert sent(here, "UpdateListen") == [], "what stays the same is not sent"
        assert await outcomes(session, "do both") == {"schedule": "denied", "note": "ok"}
        assert session.calls(words=True)[-1]["result"] == "noted by notes"
        assert changes(session) == [("test", "notes")]
        view = session.view(words=True)
        assert (view["agent"], view["active_agent"], view["agents"]) == ("test", "notes", ["test", "notes"])
        assert view["functions"] == ["note", "switch"]


async def test_it_goes_back_and_forth_within_a_turn(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session(prompt="You schedule for Dr. Who.")
        turn = await session.inject_user("back and forth", wait="reply")
        assert [call.outcome for call in turn.calls] == ["ok", "ok", "ok"]
        assert turn.calls[-1].result == "scheduled by test"
        assert changes(session) == [("test", "notes"), ("notes", "test")]
        assert session.prompt_view() == {"prompt": "You schedule for Dr. Who."}, (
            "what the start asked for is the first agent's again"
        )
        await session.inject_user("notes", wait="reply")
        greetings = [text for text in sent(here, "InjectAgentMessage") if text["message"] == "Notes it is."]
        assert len(greetings) == 1, "an agent greets once"


async def test_the_present_agent_again_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session()
        assert await outcomes(session, "scheduling") == {"switch": "ok"}
        assert changes(session) == []
        assert sent(here, "UpdateThink") == []


@pytest.mark.parametrize(("agent", "why"), [("stranger", "may hand over to notes, dispatch"), ("nobody", "no agent 'nobody'")])
async def test_only_agents_that_the_profile_lists_take_over(tmp_path: Path, agent: str, why: str) -> None:
    script = {"default": [to(agent), {"say": "{result}", "audio_s": 0.05}]}
    async with world(tmp_path, script, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session()
        turn = await session.inject_user("go", wait="reply")
        assert turn.calls[0].outcome == "error"
        assert why in (turn.calls[0].result or "").lower().replace("there is ", "")
        assert session.active_agent == "test"


async def test_an_agent_that_its_token_is_not_for_does_not_take_over(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session(agents=frozenset({"test", "dispatch"}))
        actions = here.manager.actions(session.id)
        assert actions is not None
        with pytest.raises(Forbidden):
            await actions.hand_over("notes")
        await actions.hand_over("dispatch")
        with pytest.raises(InvalidRequest, match="may hand over to nobody"):
            await actions.hand_over("test")


async def test_what_the_start_took_away_no_agent_brings_back(tmp_path: Path) -> None:
    notes = {"notes": NOTES | {"functions": ["switch", "note", "schedule"]}}
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS | notes) as here:
        session = await here.session(functions=("switch",))
        await session.inject_user("notes", wait="reply")
        assert session.allowed == {"switch", "note"}


async def test_a_renewed_connection_goes_on_as_the_agent_that_has_the_word(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session()
        await session.inject_user("notes", wait="reply")
        drop_all(here.peer)
        await session.conversation.changes.until(
            lambda: (session.lifeline.renewals and session.state == "active") or None, timeout_s=30
        )
        turn = await session.inject_user("who are you", wait="reply")
        assert turn.said_text == "You take notes. aura-2-zeus-en"
        assert await outcomes(session, "do both") == {"schedule": "denied", "note": "ok"}


async def over_to_notes(folder: Path) -> str:
    """The run id of a conversation that ended as the agent "notes"."""
    async with world(folder, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session(id="desk")
        await session.inject_user("notes", wait="reply")
        await here.manager.stop("desk")
    return session.run_id


async def test_a_run_that_goes_on_from_another_begins_as_the_agent_that_had_the_word(tmp_path: Path) -> None:
    run_id = await over_to_notes(tmp_path)
    async with world(tmp_path, SCRIPT, agent=SCHEDULING, agents=AGENTS) as here:
        session, _ = await here.manager.start(await here.manager.resumed(StartSpec(resume=run_id)))
        assert (session.agent, session.active_agent, session.agents) == ("notes", "notes", ["notes", "test"])
        turn = await session.inject_user("who are you", wait="reply")
        assert turn.said_text == "You take notes. aura-2-zeus-en"
        assert await outcomes(session, "do both") == {"schedule": "denied", "note": "ok"}
        await session.inject_user("scheduling", wait="reply")
        await session.inject_user("notes", wait="reply")
        assert changes(session) == [("notes", "test"), ("test", "notes")]
        assert sent(here, "InjectAgentMessage") == [], "it has greeted in the run before"


async def test_who_had_the_word_is_kept_before_the_turn_is_over(tmp_path: Path) -> None:
    script = {"default": [to("notes"), {"stall": True}]}
    async with world(tmp_path, script, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session()
        await session.inject_user("notes")
        await session.conversation.changes.until(lambda: session.active_agent == "notes" or None, timeout_s=30)
        await here.store.flushed()
        kept = await here.store.run(session.run_id)
        assert kept is not None
        assert (kept.view["active_agent"], kept.view["agents"]) == ("notes", ["test", "notes"])


async def test_who_names_an_agent_goes_on_with_that_one(tmp_path: Path) -> None:
    run_id = await over_to_notes(tmp_path)
    async with world(tmp_path, SCRIPT, agent=SCHEDULING, agents=AGENTS) as here:
        spec = await here.manager.resumed(StartSpec(agent="test", resume=run_id))
        assert (spec.agent, spec.agents_before) == ("test", ("test", "notes"))


async def test_an_agent_that_is_gone_may_call_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"modes.py": HANDLERS}, agent=SCHEDULING, agents=AGENTS) as here:
        session = await here.session()
        assert await outcomes(session, "do both") == {"schedule": "ok", "note": "denied"}
        here.functions.take_policies(Profiles(Settings(default_agent="another")).policy)
        assert await outcomes(session, "do both") == {"schedule": "denied", "note": "denied"}
