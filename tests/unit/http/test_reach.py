"""Tokens for single agents: their conversations, and not a sign of the others."""

import asyncio
from typing import Any

import aiohttp
import pytest

from agentd.http.routes import ROUTES
from agentd.http.table import Route
from tests.unit.http.conftest import Api, ApiOf, eventually
from tests.unit.http.test_compatible import client, text

SCOPES = frozenset({"control", "read", "transcripts", "metrics"})
BY_SESSION = [route for route in ROUTES if "id" in route.placeholders]


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    """Two conversations: one of the agent ``test``, one of ``passthrough``."""
    api = await api_of(handlers={})
    await api.session("kitchen", agent="test")
    await api.session("other", agent="passthrough", settings=SETTINGS)
    return api


SETTINGS: dict[str, Any] = {"agent": {"listen": {"provider": {"type": "deepgram", "model": "nova-3"}}}}


def for_agent(api: Api, agent: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.tokens.create(SCOPES, f'for-{agent}', agents=frozenset({agent}))}"}


def path_of(route: Route, id_: str) -> str:
    return route.path.format(id=id_, n="1", call_id="call_1", name="x", file="x")


async def test_no_route_of_a_session_tells_that_another_agents_exists(api: Api) -> None:
    headers = for_agent(api, "passthrough")
    run_id = api.world.manager.get("kitchen").run_id
    for route in BY_SESSION:
        for id_ in ("kitchen", run_id):
            if route.scope in SCOPES:
                (await api.call(route.method, path_of(route, id_), headers=headers)).problem(404, "session-not-found")
    assert api.world.manager.get("kitchen").live


async def test_lists_hold_the_tokens_own(api: Api) -> None:
    headers = for_agent(api, "test")
    listed = (await api.call("GET", "/v1/sessions", headers=headers)).json["items"]
    assert [session["id"] for session in listed] == ["kitchen"]
    agents = (await api.call("GET", "/v1/agents", headers=headers)).json["items"]
    assert [agent["name"] for agent in agents] == ["test"]
    assert (await api.call("GET", "/v1/agents/test", headers=headers)).status == 200
    (await api.call("GET", "/v1/agents/passthrough", headers=headers)).problem(403, "forbidden")


async def test_only_its_agents_are_started(api: Api) -> None:
    headers = for_agent(api, "passthrough")
    for call in (
        ("POST", "/v1/sessions", {}),  # the default agent is another
        ("POST", "/v1/sessions", {"agent": "test"}),
        ("PUT", "/v1/sessions/new", {"agent": "test"}),
    ):
        answer = await api.call(call[0], call[1], json=call[2], headers=headers)
        assert "passthrough" in answer.problem(403, "forbidden")["detail"]
    own = for_agent(api, "test")
    assert (await api.call("PUT", "/v1/sessions/new", headers=own)).status == 201
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        async with client(api, headers=own):
            pass
    async with client(api, headers=headers) as socket:
        await text(socket, "Welcome")


async def test_the_events_of_all_are_those_of_its_agents(api: Api) -> None:
    headers = for_agent(api, "test")
    polled = (await api.call("GET", "/v1/events?after=0", headers=headers)).json["items"]
    assert {event["session_id"] for event in polled} == {"kitchen"}
    async with api.http.get(f"{api.base}/v1/events", headers=headers) as stream, asyncio.TaskGroup() as group:
        waiting = group.create_task(api.call("GET", f"/v1/events?after={api.deps.hub.g}&wait_s=10", headers=headers))
        await eventually(lambda: api.deps.hub.subscribers["poll"] == 1)
        for id_ in ("other", "kitchen"):
            assert (await api.call("DELETE", f"/v1/sessions/{id_}")).status == 200
        assert {event["session_id"] for event in (await waiting).json["items"]} == {"kitchen"}
        seen = b""
        async with asyncio.timeout(30):
            while b"event: SessionEnded" not in seen:
                seen += await stream.content.readany()
    assert b'"kitchen"' in seen
    assert b'"other"' not in seen


async def test_a_function_without_a_conversation_belongs_to_no_agent(api: Api) -> None:
    answer = await api.call("POST", "/v1/functions/x/invoke", headers=for_agent(api, "test"))
    assert "single agents" in answer.problem(403, "forbidden")["detail"]


async def test_a_granted_token_is_for_the_same_agents(api: Api) -> None:
    granted = (await api.call("POST", "/v1/auth/grant", headers=for_agent(api, "test"))).json["access_token"]
    headers = {"Authorization": f"Bearer {granted}"}
    assert [one["id"] for one in (await api.call("GET", "/v1/sessions", headers=headers)).json["items"]] == ["kitchen"]
    (await api.call("GET", "/v1/sessions/other", headers=headers)).problem(404, "session-not-found")
