"""Each limit of a request is a key: lowered, it turns away what fitted before, says which key it was, and is counted."""

import asyncio
from typing import Any, Final

import aiohttp
import pytest

from tests.unit.http.conftest import Api, ApiOf

SESSION: Final = "/v1/sessions/kitchen"
AUDIO: Final = {"Content-Type": "audio/pcm"}
DEEP: Final = {"metadata": {}, "settings": {"agent": {"think": {"provider": {"type": "open_ai"}}}}}


@pytest.mark.parametrize(
    ("limits", "call", "status"),
    [
        ({"json_body_bytes": 100}, ("POST", f"{SESSION}/say", {"json": {"text": "x" * 100}}), 413),
        ({"json_depth": 2}, ("PUT", SESSION, {"json": DEEP}), 400),
        ({"headers": 16}, ("GET", SESSION, {"headers": {f"X-{n}": "1" for n in range(12)}}), 400),
        ({"audio_body_bytes": 100}, ("POST", f"{SESSION}/audio", {"data": bytes(101), "headers": AUDIO}), 413),
        ({"sessions": 1}, ("PUT", "/v1/sessions/other", {}), 429),
        ({"starts_per_minute": 1}, ("PUT", "/v1/sessions/other", {}), 429),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)  # fmt: skip
async def test_a_limit_turns_away_what_is_beyond_it(
    api_of: ApiOf, limits: dict[str, Any], call: tuple[str, str, dict[str, Any]], status: int
) -> None:
    api = await api_of(handlers={}, **limits)
    (key,) = limits
    assert (await api.call("PUT", SESSION)).status == 201
    method, path, options = call
    refused = await api.call(method, path, **options)
    assert refused.status == status, refused.body
    assert refused.json["limit"] == key
    assert await counted(api, key) == 1


async def counted(api: Api, key: str) -> float:
    text = (await api.call("GET", "/metrics", headers=api.auth("metrics"))).body.decode()
    return float(text.split(f'agentd_limits_reached_total{{limit="{key}"}} ')[1].split()[0])


@pytest.mark.parametrize("long", [b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n"])
async def test_a_header_line_has_an_end(api_of: ApiOf, long: bytes) -> None:
    api = await api_of(handlers={}, header_line_bytes=1000)
    assert b"403 Forbidden" in await api.raw(long % (b"x" * 900))  # read, and not for us
    assert b"malformed-request" in await api.raw(long % (b"x" * 1001))
    assert await counted(api, "header_line_bytes") == 1


async def test_a_request_with_far_too_many_headers_is_not_even_parsed(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, headers=16)
    assert b"malformed-request" in await api.raw(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100 + b"\r\n")
    assert await counted(api, "headers") == 1


@pytest.mark.parametrize(
    ("limits", "method", "path", "body"),
    [
        ({"prompt_chars": 10}, "PUT", f"{SESSION}/prompt", {"prompt": "x" * 11}),
        ({"message_chars": 10}, "POST", f"{SESSION}/messages", {"content": "x" * 11}),
        ({"message_chars": 10}, "POST", f"{SESSION}/say", {"text": "x" * 11}),
    ],
)
async def test_texts_have_an_end(api_of: ApiOf, limits: dict[str, int], method: str, path: str, body: dict[str, str]) -> None:
    api = await api_of(handlers={}, agent={"prompt": "short"}, **limits)
    assert (await api.call("PUT", SESSION)).status == 201
    problem = (await api.call(method, path, json=body)).problem(422, "invalid-request")
    assert [fault["detail"] for fault in problem["errors"]] == ["at most 10 characters"]


async def test_a_websocket_message_has_an_end(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, ws_message_bytes=1000)
    await api.session()
    async with api.http.ws_connect(f"{api.base}{SESSION}/stream?audio=none", headers=api.auth("read", "control")) as socket:
        await socket.send_str("x" * 1001)
        async with asyncio.timeout(30):
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)
