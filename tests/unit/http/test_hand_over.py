"""A conversation goes on as another agent: by the API, for compatible clients, and never beyond a token's agents."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.support.agent_client import AgentClient
from tests.support.sessions import SCRIPTED_AGENT
from tests.unit.http.compatible_clients import WEATHER, converse, document, says, session_id, write
from tests.unit.http.conftest import Api, ApiOf

HANDLERS = {
    "modes.py": '''
from agentd.functions import *

@function(tier="low")
async def switch(ctx: CallContext, to: str) -> str:
    """Go on as another agent."""
    await ctx.hand_over(to)
    return f"now {to}"

@function(tier="low")
async def note(ctx: CallContext) -> str:
    """Take a note."""
    return f"noted by {ctx.agent}"

@function(tier="low")
async def get_weather() -> str:
    """The agent's own, of the same name as the client's."""
    return "no weather"
'''
}
NOTES: dict[str, Any] = {
    "prompt": "You take notes.",
    "greeting": "Notes it is.",
    "functions": ["note", "switch"],
    "hand_over": ["test"],
    "settings": {"agent": {"speak": {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}}},
}
SCRIPT: dict[str, Any] = {
    "greeting_audio_s": 0.0,
    "on": [
        {"event": "user", "match": "to ", "steps": [{"call": "switch", "arguments": {"to": "notes"}}, {"say": "{result}"}]},
        {"event": "user", "match": "note", "steps": [{"call": "note"}, {"say": "{result}"}]},
        {"event": "user", "match": "weather", "steps": [{"call": "get_weather"}, {"say": "{result}"}]},
        {"event": "user", "match": "who", "steps": [{"say": "{prompt} {voice}"}]},
        {"event": "inject_agent", "steps": [{"say": "{text}"}]},
    ],
}


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    agent = {"functions": ["switch"], "hand_over": ["notes", "weather"]}
    weather = {"functions": ["get_weather"]}
    return await api_of(script=SCRIPT, handlers=HANDLERS, agent=agent, agents={"notes": NOTES, "weather": weather, "other": {}})


def of_agents(api: Api, name: str, *agents: str) -> dict[str, str]:
    """Headers of a token for these agents."""
    token = api.tokens.create(frozenset({"control", "read", "transcripts"}), name, agents=frozenset(agents))
    return {"Authorization": f"Bearer {token}"}


def sent(api: Api, type_: str) -> list[dict[str, Any]]:
    return api.world.peer.connections[-1].of_type(type_)


async def test_a_session_is_handed_over_by_the_api(api: Api) -> None:
    await api.session()
    answer = await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "notes"})
    assert (answer.status, answer.json["agent"], answer.json["active_agent"]) == (200, "test", "notes")
    assert answer.json["agents"] == ["test", "notes"]
    assert answer.json["functions"] == ["note", "switch"]
    assert (await api.call("GET", "/v1/sessions/kitchen/prompt")).json == {"prompt": "You take notes."}
    refused = await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "other"})
    assert "hand over to test" in refused.problem(422, "invalid-request")["detail"]
    missing = await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "nobody"})
    assert missing.problem(422, "invalid-request")["errors"][0]["pointer"] == "/agent"


async def test_a_token_for_single_agents_gains_nothing_by_a_hand_over(api: Api) -> None:
    both, first, second = of_agents(api, "a", "test", "notes"), of_agents(api, "b", "test"), of_agents(api, "c", "notes")
    await api.session()
    assert (await api.call("GET", "/v1/sessions/kitchen", headers=first)).status == 200
    refused = await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "notes"}, headers=first)
    refused.problem(403, "forbidden")
    assert (await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "notes"}, headers=both)).status == 200
    for headers, status, seen in ((both, 200, ["kitchen"]), (first, 404, []), (second, 404, [])):
        assert (await api.call("GET", "/v1/sessions/kitchen", headers=headers)).status == status
        listed = await api.call("GET", "/v1/sessions", headers=headers)
        assert [session["id"] for session in listed.json["items"]] == seen
    await api.call("DELETE", "/v1/sessions/kitchen")
    await api.world.store.flushed()
    assert (await api.call("GET", "/v1/sessions/kitchen", headers=first)).status == 404


async def test_what_such_a_token_has_open_ends_with_the_hand_over(api: Api) -> None:
    await api.session()
    headers = of_agents(api, "b", "test") | {"Accept": "text/event-stream"}
    async with api.http.get(f"{api.base}/v1/sessions/kitchen/events", headers=headers) as events:
        assert events.status == 200
        await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "notes"})
        async with asyncio.timeout(30):
            with pytest.raises(aiohttp.ClientError):
                await events.content.read()


async def test_what_such_a_token_started_stays_with_its_agents(api: Api) -> None:
    headers = of_agents(api, "b", "test")
    assert (await api.call("POST", "/v1/sessions", json={"id": "hall", "agent": "test"}, headers=headers)).status == 201
    asked = await api.call("POST", "/v1/sessions/hall/messages?wait=reply", json={"content": "to notes"}, headers=headers)
    assert asked.json["calls"][0]["outcome"] == "error"
    assert "token that is not for the agent 'notes'" in asked.json["calls"][0]["result"]
    assert (await api.call("GET", "/v1/sessions/hall", headers=headers)).json["active_agent"] == "test"


async def test_a_compatible_clients_agent_changes_and_its_own_functions_stay(api: Api) -> None:
    async with converse(api, document(speak={"provider": {"type": "deepgram", "model": "aura-2-luna-en"}})) as client:
        await write(client, "to notes")
        await says(client, "now notes")
        await says(client, "Notes it is.")
        (think,) = sent(api, "UpdateThink")
        assert [function["name"] for function in think["think"]["functions"]] == ["note", "switch", "get_weather"]
        await write(client, "who are you")
        await says(client, "You take notes. aura-2-zeus-en")
        await write(client, "note this")
        await says(client, "noted by notes")
        await client.send(
            {"type": "UpdateThink", "think": {"provider": {"type": "open_ai", "model": "gpt-4o"}, "functions": [WEATHER]}}
        )
        await client.until("ThinkUpdated")
        assert [function["name"] for function in sent(api, "UpdateThink")[-1]["think"]["functions"]] == [
            "note",
            "switch",
            "get_weather",
        ]
        assert len(client.of_type("ThinkUpdated")) == 1, "ours is none of its business"
        assert client.of_type("SpeakUpdated") == []


async def test_a_function_of_the_new_agent_goes_before_the_clients_of_the_same_name(api: Api) -> None:
    async with converse(api) as client:
        answer = await api.call("PUT", f"/v1/sessions/{session_id(api)}/agent", json={"agent": "weather"})
        assert answer.json["functions"] == ["get_weather"]
        await taken(client)
        await write(client, "weather")
        await says(client, "no weather")


async def taken(client: AgentClient) -> None:
    """The client is told that its function is not asked any more."""
    await client.until(lambda item: isinstance(item, dict) and item.get("code") == "FUNCTION_NAME_TAKEN")


async def test_nothing_is_handed_to_an_agent_that_needs_another_upstream(api_of: ApiOf) -> None:
    agents = {"local": {"upstream": "engine"}}
    api = await api_of(script=SCRIPT, handlers=HANDLERS, agent=SCRIPTED_AGENT | {"hand_over": ["local"]}, agents=agents)
    await api.session()
    refused = await api.call("PUT", "/v1/sessions/kitchen/agent", json={"agent": "local"})
    assert "speaks through engine" in refused.problem(422, "invalid-request")["detail"]
