"""Tokens for a moment: who gets which, what opens with them, when they end."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.unit.http.conftest import Api, ApiOf, eventually
from tests.unit.http.test_compatible import client, text

GRANT = "/v1/auth/grant"


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    return await api_of(handlers={})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def granted(api: Api, headers: dict[str, str] | None = None, **body: object) -> dict[str, str]:
    answer = await api.call("POST", GRANT, headers=headers or {}, json=body)
    assert answer.status == 200, answer.body
    assert set(answer.json) == {"access_token", "expires_in"}
    return bearer(answer.json["access_token"])


async def test_a_grant_needs_no_body_and_lives_for_half_a_minute(api: Api) -> None:
    answer = await api.call("POST", GRANT)
    assert answer.json["expires_in"] == 30
    headers = bearer(answer.json["access_token"])
    assert (await api.call("GET", "/v1/sessions", headers=headers)).status == 200
    api.ahead_s[0] = 31
    (await api.call("GET", "/v1/sessions", headers=headers)).problem(401, "unauthorized")


@pytest.mark.parametrize("ttl", [1, 3600, 60.0])
async def test_its_life_can_be_chosen(api: Api, ttl: float) -> None:
    assert (await api.call("POST", GRANT, json={"ttl_seconds": ttl})).json["expires_in"] == ttl


@pytest.mark.parametrize(
    "body",
    [
        {"ttl_seconds": 0}, {"ttl_seconds": 3601}, {"ttl_seconds": 1.5}, {"ttl_seconds": True}, {"ttl_seconds": "30"},
        {"scopes": []}, {"scopes": ["root"]}, {"scope": ["admin"]}, {"scopes": "read"},
    ],
)  # fmt: skip
async def test_any_other_wish_is_refused(api: Api, body: dict[str, object]) -> None:
    assert (await api.call("POST", GRANT, json=body)).problem(422, "invalid-request")["errors"]


async def test_a_grant_allows_what_its_giver_may_do_and_no_more(api: Api) -> None:
    reader = await granted(api, api.auth("read"))
    assert (await api.call("GET", "/v1/sessions", headers=reader)).status == 200
    (await api.call("PUT", "/v1/sessions/kitchen", headers=reader)).problem(403, "forbidden")
    narrow = await granted(api, scopes=["read"])
    (await api.call("PUT", "/v1/sessions/kitchen", headers=narrow)).problem(403, "forbidden")
    for more in (["control"], ["read", "admin"], ["confirm"]):
        (await api.call("POST", GRANT, headers=api.auth("read"), json={"scopes": more})).problem(403, "forbidden")
    assert await granted(api, api.auth("control"), scopes=["read"])  # control implies it


async def test_a_granted_token_grants_none(api: Api) -> None:
    answer = await api.call("POST", GRANT, headers=await granted(api))
    assert "cannot grant" in answer.problem(403, "forbidden")["detail"]


async def test_a_grant_ends_with_the_token_that_gave_it(api: Api) -> None:
    headers = await granted(api, api.auth("read"))
    assert (await api.call("GET", "/v1/sessions", headers=headers)).status == 200
    api.tokens.tokens_file.unlink()
    (await api.call("GET", "/v1/sessions", headers=headers)).problem(401, "unauthorized")


async def test_a_browser_opens_its_websocket_with_a_grant(api: Api) -> None:
    token = (await granted(api))["Authorization"].removeprefix("Bearer ")
    async with client(api, headers={"Origin": api.base}, protocols=["bearer", token]) as socket:
        assert socket.protocol == "bearer"
        await text(socket, "Welcome")
    api.ahead_s[0] = 31
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        async with client(api, headers={}, protocols=["bearer", token]):
            pass


async def test_a_conversation_goes_on_when_the_grant_that_opened_it_has_ended(api: Api) -> None:
    token = (await granted(api))["Authorization"].removeprefix("Bearer ")
    async with client(api, headers={}, protocols=["bearer", token]) as socket:
        await text(socket, "Welcome")
        api.ahead_s[0] = 31
        await socket.send_json({"type": "Settings", "audio": {}, "agent": {}})
        assert (await socket.receive(timeout=30)).type is aiohttp.WSMsgType.TEXT


async def test_a_subprotocol_is_a_token_only_where_a_websocket_is_opened(api: Api) -> None:
    offered = {"Sec-WebSocket-Protocol": f"bearer, {api.token}"}
    async with asyncio.timeout(30), api.http.get(f"{api.base}/v1/sessions", headers=offered) as response:
        assert response.status == 401


async def test_clients_of_the_protocol_ask_with_their_own_word(api: Api) -> None:
    headers = {"Authorization": f"Token {api.token}"}
    assert (await api.call("POST", GRANT, headers=headers)).status == 200
    (await api.call("GET", "/v1/sessions", headers=headers)).problem(401, "unauthorized")


# --- what is open when a token ends ----------------------------------------------------------------------------------


async def test_a_revoked_token_loses_its_streams_and_nobody_else_does(api: Api) -> None:
    await api.session()
    headers = api.auth("read")
    async with (
        api.http.get(f"{api.base}/v1/sessions/kitchen/events", headers=headers) as lost,
        api.http.get(f"{api.base}/v1/sessions/kitchen/events", headers=api.auth("transcripts", "read")) as kept,
    ):
        assert (lost.status, kept.status) == (200, 200)
        api.tokens.revoke("read")
        with pytest.raises(aiohttp.ClientPayloadError):
            async with asyncio.timeout(30):
                await lost.read()
        assert await kept.content.readline()
    (await api.call("GET", "/v1/sessions", headers=headers)).problem(401, "unauthorized")


async def test_a_revoked_token_loses_its_conversation_with_the_reason(api: Api) -> None:
    token = (await granted(api, api.auth("control")))["Authorization"].removeprefix("Bearer ")
    async with client(api, headers={}, protocols=["bearer", token]) as socket:
        await text(socket, "Welcome")
        api.tokens.revoke("control")
        async with asyncio.timeout(30):
            closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1008)
        await eventually(lambda: not [session for session in api.world.manager.list() if session.live])


async def test_a_revoked_token_loses_its_upload(api: Api) -> None:
    await api.session()
    headers = api.auth("control") | {"Content-Type": "audio/pcm;encoding=linear16;rate=16000;channels=1"}

    async def talk() -> AsyncIterator[bytes]:
        while True:
            yield bytes(640)
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        upload = group.create_task(failing(api, headers, talk()))
        await eventually(lambda: api.world.peer.connections[0].audio_bytes > 0 if api.world.peer.connections else False)
        api.tokens.revoke("control")
        async with asyncio.timeout(30):
            await upload


async def failing(api: Api, headers: dict[str, str], data: AsyncIterator[bytes]) -> None:
    with pytest.raises(aiohttp.ClientError):
        await api.http.post(f"{api.base}/v1/sessions/kitchen/audio", headers=headers, data=data)
