import asyncio

from tests.unit.http.conftest import Api


async def test_a_draining_daemon_starts_nothing_and_lets_what_is_live_go_on(api: Api) -> None:
    await api.session()
    assert (await api.call("POST", "/v1/admin/drain")).json == {"state": "draining", "sessions": 1}
    for method, path in (("POST", "/v1/sessions"), ("PUT", "/v1/sessions/hall"), ("GET", "/v1/agent/converse")):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="}
        refused = await api.call(method, path, headers=headers if "converse" in path else {})
        assert refused.status == 503, refused.body
        assert int(refused.headers["Retry-After"]) >= 1
        assert b"drain" in refused.body
    assert (await api.call("PUT", "/v1/sessions/kitchen")).status == 200, "ensuring what is live starts nothing"
    reply = await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "hello"})
    assert reply.json["said"] == "I heard: hello"
    assert (await api.call("POST", "/v1/admin/drain")).json["state"] == "draining"
    assert (await api.call("POST", "/v1/admin/undrain")).json == {"state": "serving", "sessions": 1}
    assert (await api.call("PUT", "/v1/sessions/hall")).status == 201


async def test_waiting_for_the_drain_answers_when_the_last_session_has_ended_or_says_how_many_are_left(api: Api) -> None:
    await api.session()
    late = (await api.call("POST", "/v1/admin/drain?wait=drained&timeout_s=0.2")).problem(504, "upstream-timeout")
    assert late["detail"].startswith("1 session")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(api.call("POST", "/v1/admin/drain?wait=drained&timeout_s=10"))
        await api.call("DELETE", "/v1/sessions/kitchen")
    assert waiting.result().json == {"state": "drained", "sessions": 0}


async def test_a_daemon_that_stops_takes_no_order_back(api: Api) -> None:
    api.world.manager.refuse_starts()
    (await api.call("POST", "/v1/admin/undrain")).problem(409, "conflict")
    assert (await api.call("POST", "/v1/admin/drain")).json == {"state": "drained", "sessions": 0}
