"""Who gets into the engine: keys, granted tokens, subprotocols and web pages; and what clients that give up leave behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from agentd.config import EngineSettings
from tests.support.agent_client import AgentClient, agent_client, settings
from tests.support.scripted import KEY, ScriptedEngine, scripted_engine

BY_KEY = {"Authorization": f"Token {KEY}"}


async def grant(engine: ScriptedEngine, body: Any = None, *, headers: dict[str, str] = BY_KEY) -> tuple[int, dict[str, Any]]:
    """Ask for a token; status and body of the answer, which every time names the request."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{engine.http_url}/v1/auth/grant", json=body, headers=headers) as response,
    ):
        answer = await response.json()
        assert "dg-request-id" in response.headers
        assert response.status == 200 or answer["request_id"] == response.headers["dg-request-id"]
        return response.status, answer


@asynccontextmanager
async def offering(engine: ScriptedEngine, *protocols: str, query: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A handshake without headers, as browsers make it."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{engine.url}/v1/agent/converse{query}", protocols=protocols) as socket,
    ):
        yield socket


async def test_a_granted_token_opens_a_conversation_as_bearer_and_as_subprotocol() -> None:
    async with scripted_engine({}) as engine:
        status, answer = await grant(engine, {"ttl_seconds": 60})
        assert (status, answer["expires_in"]) == (200, 60)
        token = answer["access_token"]
        async with agent_client(engine.url, "", headers={"Authorization": f"bearer {token}"}) as client:
            await client.until("Welcome")
        async with offering(engine, "bearer", token) as socket:
            assert socket.protocol == "bearer"
            await AgentClient(socket).until("Welcome")


async def test_a_token_need_only_be_valid_at_the_handshake() -> None:
    async with scripted_engine({}) as engine:
        _, answer = await grant(engine, {"ttl_seconds": 1})
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        async with agent_client(engine.url, "", headers=bearer) as client:
            await client.send(settings())
            await client.until("SettingsApplied")
            async with asyncio.timeout(30):
                while await _status(engine, bearer) == 200:
                    await client.quiet(0.1)
            await client.send({"type": "InjectUserMessage", "content": "still there?"})
            await client.until("AgentAudioDone")


async def _status(engine: ScriptedEngine, headers: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{engine.http_url}/v1/models", headers=headers) as response:
        return response.status


async def test_a_token_lives_half_a_minute_unless_said_otherwise() -> None:
    async with scripted_engine({}) as engine:
        assert (await grant(engine))[1]["expires_in"] == 30


async def test_who_has_only_a_granted_token_cannot_grant() -> None:
    async with scripted_engine({}) as engine:
        _, answer = await grant(engine)
        for headers, status, code in (
            ({"Authorization": f"Bearer {answer['access_token']}"}, 403, "INSUFFICIENT_PERMISSIONS"),
            ({}, 401, "INVALID_AUTH"),
            ({"Authorization": "Token wrong"}, 401, "INVALID_AUTH"),
        ):
            assert (refused := await grant(engine, headers=headers))[0] == status
            assert refused[1]["err_code"] == code


async def test_a_time_out_of_bounds_is_refused_in_deepgrams_shape() -> None:
    async with scripted_engine({}) as engine:
        status, answer = await grant(engine, {"ttl_seconds": 3601})
        assert (status, answer["err_code"]) == (400, "BAD_REQUEST")
        assert "3600" in answer["err_msg"]
        assert (await grant(engine, "x" * 5000))[0] == 413


@pytest.mark.parametrize("protocols", [("token", KEY), ("bearer", KEY), ("agent", "token", KEY)])
async def test_the_scheme_is_the_subprotocol_that_is_chosen(protocols: tuple[str, ...]) -> None:
    async with scripted_engine({}) as engine, offering(engine, *protocols, query="?t=1764000000000&model=x") as socket:
        assert socket.protocol == protocols[-2]
        await AgentClient(socket).until("Welcome")


async def test_a_scheme_that_is_offered_beside_the_header_is_chosen_too() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY, protocols=("bearer",)) as client:
        assert client.protocol == "bearer"


async def test_compression_that_is_offered_does_no_harm() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY, compress=15) as client:
        await client.send(settings(greeting="hello " * 50))
        await client.until("AgentAudioDone")


@pytest.mark.parametrize(
    ("origin", "site", "admitted"),
    [
        ("http://localhost:3000", "same-site", True),
        ("HTTP://LOCALHOST:3000", "cross-site", True),
        ("http://localhost:3001", "same-site", False),
        ("null", "cross-site", False),
    ],
)
async def test_a_web_page_gets_in_when_its_origin_is_listed(origin: str, site: str, admitted: bool) -> None:
    limits = EngineSettings(allowed_origins=("http://localhost:3000/",))
    headers = {"Origin": origin, "Sec-Fetch-Site": site}
    async with scripted_engine({}, settings=limits) as engine:
        if admitted:
            async with agent_client(engine.url, KEY, headers=headers) as client:
                await client.until("Welcome")
            return
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with agent_client(engine.url, KEY, headers=headers):
                pass
        assert refused.value.status == 403
        assert refused.value.headers is not None
        assert "[engine] allowed_origins" in refused.value.headers["dg-error"]


async def test_a_plain_request_for_a_conversation_is_told_what_is_wanted() -> None:
    async with (
        scripted_engine({}) as engine,
        aiohttp.ClientSession(headers=BY_KEY) as http,
        http.get(f"{engine.http_url}/v1/agent/converse") as response,
    ):
        assert response.status == 400
        assert "WebSocket" in (await response.json())["err_msg"]


async def test_a_method_that_a_path_does_not_have_is_answered_with_those_it_has() -> None:
    async with (
        scripted_engine({}) as engine,
        aiohttp.ClientSession(headers=BY_KEY) as http,
        http.post(f"{engine.http_url}/v1/models") as response,
    ):
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
        assert "dg-request-id" in response.headers


async def test_clients_that_go_during_the_handshake_or_their_settings_leave_nothing_behind() -> None:
    async with scripted_engine({}, settings=EngineSettings(max_sessions=1)) as engine:
        idle = asyncio.all_tasks()
        host = engine.url.removeprefix("ws://")
        hello = (
            f"GET /v1/agent/converse HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        )
        address, port = host.split(":")
        for request in (hello, f"{hello}\r\n", f"{hello}Authorization: Token {KEY}\r\n\r\n"):
            _, writer = await asyncio.open_connection(address, int(port))
            writer.write(request.encode())
            await writer.drain()
            writer.transport.abort()
        async with asyncio.timeout(30):
            while asyncio.all_tasks() - idle:  # noqa: ASYNC110 - nothing tells when a connection is gone
                await asyncio.sleep(0.005)
        async with agent_client(engine.url, KEY) as client:  # the one place is free
            await client.send('{"type":"Sett')
            client.vanish()
        async with asyncio.timeout(30):
            while asyncio.all_tasks() - idle:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
