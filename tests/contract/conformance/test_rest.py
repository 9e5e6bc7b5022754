"""The few REST paths that clients of the Voice Agent API ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.contract.conformance.servers import CONFORMANCE, Ability, Server, needs

pytestmark = CONFORMANCE


@asynccontextmanager
async def asked(
    server: Server, method: str, path: str, *, key: str | None = None, **options: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {"Authorization": f"Token {server.key if key is None else key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, server.http_url + path, **options) as response,
    ):
        yield response


@needs(Ability.LISTS)
async def test_the_think_models_are_listed(server: Server) -> None:
    """To everybody: @deepgram/sdk asks for them without its key."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.http_url}/v1/agent/settings/think/models") as response,
    ):
        assert response.status == 200
        assert response.headers["dg-request-id"]
        models = (await response.json())["models"]
    assert models
    assert all({"id", "name", "provider"} <= model.keys() for model in models)


@needs(Ability.LISTS)
async def test_the_speech_models_are_listed(server: Server) -> None:
    """A known client makes its menu of voices from ``tts``."""
    async with asked(server, "GET", "/v1/models") as response:
        assert response.status == 200
        models = await response.json()
    assert models["stt"]
    for voice in models["tts"]:
        assert {"name", "canonical_name", "architecture", "languages", "version", "uuid"} <= voice.keys()
        assert voice["languages"]
        assert {"accent", "tags"} <= voice["metadata"].keys()


@needs(Ability.LISTS)
async def test_the_speech_models_want_the_key(server: Server) -> None:
    async with asked(server, "GET", "/v1/models", key="not-the-key") as response:
        assert response.status == 401
        assert (await response.json())["err_code"] == "INVALID_AUTH"


@needs(Ability.GRANTS)
async def test_a_key_is_changed_for_a_token_that_opens_a_conversation(server: Server) -> None:
    async with asked(server, "POST", "/v1/auth/grant") as response:
        assert response.status == 200
        assert response.headers["dg-request-id"]
        granted = await response.json()
    assert granted["expires_in"] == 30
    token = granted["access_token"]
    assert server.key not in token
    for options in ({"headers": {"Authorization": f"bearer {token}"}}, {"protocols": ("bearer", token)}):
        async with server.client(key="", **options) as client:
            await client.begin()


@needs(Ability.GRANTS)
async def test_a_token_lasts_as_long_as_was_asked_for(server: Server) -> None:
    async with asked(server, "POST", "/v1/auth/grant", json={"ttl_seconds": 1}) as response:
        granted = await response.json()
    assert granted["expires_in"] == 1
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    async with server.client(key="", headers=headers) as client:
        await client.begin()
        await client.quiet(1.2)
        await client.alive()  # it has to be good at the handshake alone
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with server.client(key="", headers=headers):
                pass
        assert refused.value.status == 401


@needs(Ability.GRANTS)
@pytest.mark.parametrize("ttl", [0, -1, 3601, "soon", True])
async def test_a_token_lasts_from_a_second_to_an_hour(server: Server, ttl: object) -> None:
    async with asked(server, "POST", "/v1/auth/grant", json={"ttl_seconds": ttl}) as response:
        assert response.status in {400, 422}
        assert (await response.json())["err_msg"]


@needs(Ability.GRANTS)
async def test_a_token_is_given_for_the_key_alone(server: Server) -> None:
    async with asked(server, "POST", "/v1/auth/grant", key="not-the-key") as response:
        assert response.status == 401
    async with asked(server, "POST", "/v1/auth/grant") as response:
        token = (await response.json())["access_token"]
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.post(f"{server.http_url}/v1/auth/grant") as response,
    ):
        assert response.status in {401, 403}


@needs(Ability.HEALTH)
async def test_health_wants_no_key_and_counts_conversations(server: Server) -> None:
    async with server.client() as client:
        await client.until("Welcome")
        async with asked(server, "GET", "/healthz", key="not-the-key") as response:
            assert response.status == 200
            health = await response.json()
    assert health["status"] == "ok"
    assert health["conversations"] >= 1
