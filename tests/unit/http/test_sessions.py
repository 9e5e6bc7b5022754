from typing import Any

import pytest

from agentd.ids import is_run_id, is_session_id
from tests.unit.http.conftest import Api, ApiOf


async def test_a_start_answers_201_with_location_and_the_session(api: Api) -> None:
    answer = await api.call("POST", "/v1/sessions", json={"id": "kitchen", "metadata": {"room": "kitchen"}})
    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/sessions/kitchen"
    session = answer.json
    assert session["id"] == "kitchen"
    assert is_run_id(session["run_id"])
    assert session["state"] == "active"
    assert session["agent"] == "test"
    assert session["audio"]["output"] == {"encoding": "linear16", "sample_rate": 16000}
    assert session["metadata"] == {"room": "kitchen"}
    assert session["usage"]["turns"] == 0


async def test_a_start_needs_no_body_and_makes_up_an_id(api: Api) -> None:
    answer = await api.call("POST", "/v1/sessions")
    assert answer.status == 201
    assert is_session_id(answer.json["id"])


async def test_a_start_that_does_not_wait_answers_202(api: Api) -> None:
    answer = await api.call("POST", "/v1/sessions?wait=none")
    assert answer.status == 202
    assert answer.json["state"] in ("connecting", "active")


async def test_a_live_id_cannot_be_started_again(api: Api) -> None:
    await api.call("POST", "/v1/sessions", json={"id": "kitchen"})
    (await api.call("POST", "/v1/sessions", json={"id": "kitchen"})).problem(409, "session-exists")


async def test_the_same_idempotency_key_answers_200_with_the_same_run_and_another_holder_has_keys_of_its_own(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await api.call("POST", "/v1/sessions", json={"id": "kitchen"}, headers=key)
    again = await api.call("POST", "/v1/sessions", json={"id": "kitchen"}, headers=key)
    assert (first.status, again.status) == (201, 200)
    assert first.json["run_id"] == again.json["run_id"]
    other = await api.call("POST", "/v1/sessions", json={"id": "kitchen"}, headers=key | api.auth("control"))
    other.problem(409, "session-exists")


async def test_ensure_starts_once_and_then_answers_200(api: Api) -> None:
    first = await api.call("PUT", "/v1/sessions/kitchen")
    again = await api.call("PUT", "/v1/sessions/kitchen", json={"agent": "test"})
    assert (first.status, again.status) == (201, 200)
    assert first.json["run_id"] == again.json["run_id"]
    (await api.call("PUT", "/v1/sessions/kitchen", json={"agent": "passthrough"})).problem(409, "agent-differs")


async def test_ensure_refuses_a_body_that_names_another_session(api: Api) -> None:
    problem = (await api.call("PUT", "/v1/sessions/kitchen", json={"id": "hall"})).problem(422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "/id"


@pytest.mark.parametrize("id_", ["Kitchen", "a%2Fb", "..%2f..%2fetc", "x" * 65, "a%00b", "%5c"])
async def test_ids_that_are_no_slugs_are_refused(api: Api, id_: str) -> None:
    import yarl

    url = yarl.URL(f"{api.base}/v1/sessions/{id_}", encoded=True)
    async with api.http.put(url, headers={"Authorization": f"Bearer {api.token}"}) as response:
        assert response.status in (404, 422), await response.text()


async def test_stopping_answers_the_final_session_with_its_usage_and_is_idempotent(api: Api) -> None:
    await api.session()
    first = await api.call("DELETE", "/v1/sessions/kitchen")
    again = await api.call("DELETE", "/v1/sessions/kitchen")
    assert (first.status, again.status) == (200, 200)
    assert first.json["state"] == "ended"
    assert first.json["end_reason"] == "stopped"
    assert first.json["usage"]["connection_s"] > 0
    assert again.json["run_id"] == first.json["run_id"]
    (await api.call("DELETE", "/v1/sessions/nobody")).problem(404, "session-not-found")


async def test_erasing_needs_admin_and_leaves_nothing_to_find(api: Api) -> None:
    await api.session()
    (await api.call("DELETE", "/v1/sessions/kitchen?purge=true", headers=api.auth("control"))).problem(403, "forbidden")
    assert (await api.call("DELETE", "/v1/sessions/kitchen?purge=true")).status == 200
    (await api.call("GET", "/v1/sessions/kitchen/turns")).problem(404, "session-not-found")
    (await api.call("GET", "/v1/sessions/kitchen")).problem(404, "session-not-found")
    assert (await api.call("GET", "/v1/sessions")).json["items"] == []


async def test_a_run_id_addresses_any_run_and_the_name_the_latest(api: Api) -> None:
    first = (await api.call("PUT", "/v1/sessions/kitchen")).json["run_id"]
    await api.call("DELETE", "/v1/sessions/kitchen")
    second = (await api.call("PUT", "/v1/sessions/kitchen")).json["run_id"]
    assert (await api.call("GET", f"/v1/sessions/{first}")).json["state"] == "ended"
    assert (await api.call("GET", "/v1/sessions/kitchen")).json["run_id"] == second


async def test_the_list_filters_and_pages(api: Api) -> None:
    for i in range(5):
        await api.session(f"room-{i}", metadata={"floor": str(i % 2)})
    await api.call("DELETE", "/v1/sessions/room-0")
    everything = (await api.call("GET", "/v1/sessions")).json
    assert [item["id"] for item in everything["items"]] == [f"room-{i}" for i in (4, 3, 2, 1, 0)]
    assert everything["next"] is None
    live = (await api.call("GET", "/v1/sessions?state=active&metadata.floor=0")).json["items"]
    assert [item["id"] for item in live] == ["room-4", "room-2"]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await api.call("GET", f"/v1/sessions?limit=2{cursor}")).json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [f"room-{i}" for i in (4, 3, 2, 1, 0)]
    (await api.call("GET", "/v1/sessions?cursor=%21")).problem(422, "invalid-request")
    (await api.call("GET", "/v1/sessions?state=asleep")).problem(422, "invalid-request")


async def test_the_cap_answers_429_and_says_when_to_come_again(api_of: ApiOf) -> None:
    api = await api_of(sessions=1)
    await api.session()
    answer = await api.call("POST", "/v1/sessions")
    answer.problem(429, "too-many-sessions")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"agent": "nobody"}, 422, "invalid-request", "/agent"),
        ({"functions": ["fly"]}, 422, "invalid-request", "/functions/0"),
        ({"settings": {"audio": {"input": {"encoding": "vinyl"}}}}, 422, "invalid-settings", "/settings/audio/input/encoding"),
        ({"prompt": "x" * 25_001}, 422, "invalid-request", "/prompt"),
        ({"prompt": 7}, 422, "invalid-request", "/prompt"),
        ({"promt": "typo"}, 422, "invalid-request", "/promt"),
        ({"max_duration_s": 10_000}, 422, "invalid-request", "/max_duration_s"),
        ({"idle_timeout_s": 0}, 422, "invalid-request", "/idle_timeout_s"),
        ({"metadata": {"a": 1}}, 422, "invalid-request", "/metadata/a"),
        ({"metadata": {"a": "x" * 2000}}, 422, "invalid-request", "/metadata/a"),
    ],
)
async def test_starts_that_cannot_work_say_where_the_fault_is(
    api: Api, body: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    problem = (await api.call("POST", "/v1/sessions", json=body)).problem(status, code)
    if pointer is not None:
        assert pointer in [fault["pointer"] for fault in problem["errors"]]
    assert (await api.call("GET", "/v1/sessions")).json["items"] == []


async def test_an_upstream_that_refuses_is_told_and_leaves_no_live_session(api_of: ApiOf) -> None:
    api = await api_of(script={"handshake": {"status": 402}})
    problem = (await api.call("POST", "/v1/sessions", json={"id": "kitchen"})).problem(502, "upstream-payment")
    assert problem["upstream_status"] == 402
    assert (await api.call("GET", "/v1/sessions?state=active")).json["items"] == []
