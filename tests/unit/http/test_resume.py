"""A new run that goes on from a past one."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.sessions import World, world
from tests.unit.http.conftest import HANDLERS, SCRIPT, Api, ApiOf


async def past(api: Api, id_: str = "kitchen") -> str:
    """A run with one turn, ended."""
    session = await api.session(id_)
    await session.inject_user("turn on the lamp", wait="reply")
    await api.call("DELETE", f"/v1/sessions/{id_}")
    return session.run_id


def told(peer_world: World) -> list[dict[str, Any]]:
    """The conversation that the newest connection was told of."""
    settings = peer_world.manager.live_sessions[0].conversation.document
    messages: list[dict[str, Any]] = settings["agent"]["context"]["messages"]
    return messages


async def test_a_run_goes_on_from_a_past_one(api: Api) -> None:
    run_id = await past(api)
    answer = await api.call("POST", "/v1/sessions", json={"id": "kitchen", "resume": run_id})
    assert answer.status == 201
    assert answer.json["run_id"] != run_id
    user, called, agent = told(api.world)
    assert (user["role"], user["content"]) == ("user", "turn on the lamp")
    assert called["function_calls"][0]["name"] == "set_light"
    assert called["function_calls"][0]["response"] == "The lamp in the living room is on."
    assert (agent["role"], agent["content"][:5]) == ("assistant", "Done.")
    reply = await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "thanks"})
    assert reply.json["n"] == 1


async def test_a_run_goes_on_from_one_before_a_restart_and_that_one_from_another(tmp_path: Path, api_of: ApiOf) -> None:
    async with world(tmp_path, SCRIPT, handlers=HANDLERS) as earlier:
        first = await earlier.session(id="kitchen")
        await first.inject_user("turn on the lamp", wait="reply")
    api = await api_of()
    second = (await api.call("PUT", "/v1/sessions/kitchen", json={"resume": first.run_id})).json
    await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "thank you"})
    await api.call("DELETE", "/v1/sessions/kitchen")
    await api.call("PUT", "/v1/sessions/hall", json={"resume": second["run_id"]})
    said = [message["content"] for message in told(api.world) if message.get("role") == "user"]
    assert said == ["turn on the lamp", "thank you"]
    kept = await api.world.store.run((await api.call("GET", "/v1/sessions/hall")).json["run_id"])
    assert kept is not None
    assert "lamp" not in orjson.dumps(dict(kept.settings or {})).decode()
    assert len(orjson.dumps(told(api.world))) < 65_536


@pytest.mark.parametrize(
    ("resume", "status", "code"),
    [("kitchen", 422, "invalid-request"), ("01ARZ3NDEKTSV4RRFFQ69G5FAV", 404, "session-not-found")],
)
async def test_what_is_no_past_run_is_refused(api: Api, resume: str, status: int, code: str) -> None:
    (await api.call("POST", "/v1/sessions", json={"resume": resume})).problem(status, code)


async def test_a_live_run_and_an_erased_one_are_not_gone_on_from(api: Api) -> None:
    live = (await api.session()).run_id
    (await api.call("POST", "/v1/sessions", json={"resume": live})).problem(409, "session-exists")
    assert (await api.call("DELETE", "/v1/sessions/kitchen?purge=true")).status == 200
    (await api.call("POST", "/v1/sessions", json={"resume": live})).problem(404, "session-not-found")


async def test_a_token_for_other_agents_cannot_go_on_from_a_run(api: Api) -> None:
    run_id = await past(api)
    token = api.tokens.create(frozenset({"control"}), "elsewhere", agents=frozenset({"passthrough"}))
    headers = {"Authorization": f"Bearer {token}"}
    (await api.call("POST", "/v1/sessions", json={"resume": run_id}, headers=headers)).problem(404, "session-not-found")
    (await api.call("GET", f"/v1/sessions/{run_id}/turns", headers=headers)).problem(404, "session-not-found")
