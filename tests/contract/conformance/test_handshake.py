"""Who gets in and how, and what a server says first."""

from uuid import UUID

import aiohttp
import pytest

from tests.contract.conformance.caller import Caller
from tests.contract.conformance.servers import CONFORMANCE, Server

pytestmark = CONFORMANCE

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer", "bearer", "BEARER"])
async def test_the_key_is_taken_in_either_scheme_in_any_case(server: Server, scheme: str) -> None:
    async with server.client(key="", headers={"Authorization": f"{scheme} {server.key}"}) as client:
        await client.until("Welcome")


@pytest.mark.parametrize("scheme", ["token", "bearer", "Token", "BEARER"])
async def test_the_key_is_taken_as_a_subprotocol_whose_scheme_is_chosen(server: Server, scheme: str) -> None:
    async with server.client(key="", protocols=(scheme, server.key)) as client:
        assert client.protocol == scheme, "a browser fails a connection that does not choose a protocol it offered"
        await client.begin()


async def test_a_query_is_let_be(server: Server) -> None:
    async with server.client(params={"t": "1764028800000"}) as client:
        await client.begin()


async def test_headers_of_the_sdks_are_let_be(server: Server) -> None:
    headers = {
        "User-Agent": "deepgram-sdk/7.17.0",
        "X-Fern-Language": "Python",
        "X-Fern-SDK-Version": "7.17.0",
        "x-deepgram-session-id": "1f0e2d3c-0000-4000-8000-000000000000",
    }
    async with server.client(headers=headers) as client:
        await client.begin()


async def test_a_client_that_offers_compression_is_understood(server: Server) -> None:
    async with server.client(compress=15) as client:
        await client.begin(greeting="Hello.")
        await client.done()


async def test_welcome_comes_first_and_unasked_and_names_the_request(server: Server, client: Caller) -> None:
    welcome = await client.until("Welcome")
    assert client.items[0] == welcome
    assert str(UUID(welcome["request_id"])) == welcome["request_id"] == client.headers["dg-request-id"]
    async with server.client() as other:
        assert (await other.until("Welcome"))["request_id"] != welcome["request_id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Token not-the-key"},
        {"Authorization": "Bearer not-the-key"},
        {"Sec-WebSocket-Protocol": "token, no"},
    ],
)
async def test_without_the_key_the_handshake_is_refused_in_deepgrams_shape(server: Server, headers: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.http_url}/v1/agent/converse", headers=HANDSHAKE | headers) as response,
    ):
        assert response.status == 401
        body = await response.json()
        assert body["err_code"] == "INVALID_AUTH"
        assert body["err_msg"]
        assert body["request_id"] == response.headers["dg-request-id"]
        assert response.headers["dg-error"]
        assert "not-the-key" not in str(body) + str(response.headers)


async def test_a_path_that_is_not_there_is_told_in_the_same_shape(server: Server) -> None:
    headers = {"Authorization": f"Token {server.key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{server.http_url}/v1/agent/nothing") as response,
    ):
        assert response.status == 404
        assert response.headers["dg-request-id"]
