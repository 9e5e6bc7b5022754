import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest

from agentd.http.client_out import FRAME_BYTES, ClientOut, Close
from agentd.sessions.state import EndReason
from tests.unit.http.conftest import Api, ApiOf, eventually

CONVERSE = "/v1/agent/converse"
SETTINGS: dict[str, Any] = {
    "type": "Settings",
    "audio": {"input": {"encoding": "linear16", "sample_rate": 16000}, "output": {"encoding": "linear16", "sample_rate": 16000}},
    "agent": {
        "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
        "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}, "prompt": "Client's own."},
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    },
}


@asynccontextmanager
async def client(api: Api, path: str = CONVERSE, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    options.setdefault("headers", {"Authorization": f"Token {api.token}"})
    async with api.http.ws_connect(api.base + path, **options) as socket:
        yield socket


async def text(socket: aiohttp.ClientWebSocketResponse, type_: str) -> dict[str, Any]:
    """The next text frame of a type; others and audio are passed over."""
    async with asyncio.timeout(30):
        while True:
            frame = await socket.receive()
            if frame.type is aiohttp.WSMsgType.TEXT:
                message: dict[str, Any] = orjson.loads(frame.data)
                if message["type"] == type_:
                    return message
            elif frame.type is not aiohttp.WSMsgType.BINARY:
                raise AssertionError(f"{frame.type.name} {frame.data} before {type_}")


async def test_a_voice_agent_client_holds_a_conversation_and_is_a_session(api: Api) -> None:
    async with client(api) as socket:
        welcome = await text(socket, "Welcome")
        await socket.send_json(SETTINGS)
        await text(socket, "SettingsApplied")
        (session,) = (await api.call("GET", "/v1/sessions")).json["items"]
        assert session["agent"] == "passthrough"
        assert session["request_id"] == welcome["request_id"]
        await socket.send_json({"type": "InjectUserMessage", "content": "hello"})
        assert (await text(socket, "ConversationText"))["content"] == "hello"
        assert (await text(socket, "ConversationText"))["content"] == "I heard: hello"
        await text(socket, "AgentAudioDone")
    live = api.world.manager.get(session["id"])
    async with asyncio.timeout(30):
        await live.ended.wait()
    assert live.end_reason == EndReason.CLIENT_LEFT
    assert live.turns[0].said_text == "I heard: hello"
    assert api.deps.hub.subscribers["ws"] == 0


@pytest.mark.parametrize("scheme", ["Token", "token", "Bearer", "bearer"])
async def test_every_form_of_the_authorization_header_opens(api: Api, scheme: str) -> None:
    async with client(api, headers={"Authorization": f"{scheme} {api.token}"}) as socket:
        await text(socket, "Welcome")


@pytest.mark.parametrize("word", ["token", "bearer", "Token"])
async def test_a_browser_opens_by_subprotocol_which_is_echoed(api: Api, word: str) -> None:
    async with client(api, headers={}, protocols=[word, api.token]) as socket:
        assert socket.protocol == word
        await text(socket, "Welcome")


async def test_refusals_come_before_the_upgrade_with_the_reason(api: Api) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Token nobody-at-all"}, 401), (api.auth("read"), 403)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with client(api, headers=headers):
                pass
        assert refused.value.status == status
        assert refused.value.headers is not None
        assert refused.value.headers["dg-error"]
        assert refused.value.headers["dg-request-id"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as unknown:
        async with client(api, CONVERSE + "?agent=nobody"):
            pass
    assert unknown.value.status == 404
    (await api.call("GET", CONVERSE)).problem(400, "malformed-request")
    assert api.world.peer.connections == []


async def test_what_is_refused_is_told_in_deepgrams_members_beside_our_own(api: Api) -> None:
    nowhere = await api.call("GET", "/v1/listen", headers={"Authorization": f"Token {api.token}"})
    asked = {
        (401, "INVALID_AUTH"): await api.call("GET", "/v1/models", headers={"Authorization": "Token nobody"}),
        (403, "INSUFFICIENT_PERMISSIONS"): await api.call("GET", CONVERSE, headers=api.auth("read")),
        (404, "NOT_FOUND"): nowhere,
        (400, "BAD_REQUEST"): await api.call("GET", CONVERSE),
    }
    for (status, code), answer in asked.items():
        problem = answer.json
        assert (answer.status, problem["status"], problem["err_code"]) == (status, status, code)
        assert problem["err_msg"] == problem["detail"]
        assert answer.headers["dg-error"]
        assert answer.headers["dg-request-id"] == problem["request_id"]
    assert "err_code" not in (await api.call("GET", "/v1/sessions/nobody")).json


async def test_the_model_lists_are_deepgrams_in_shape_and_the_thinking_ones_are_open(api: Api) -> None:
    async with api.http.get(api.base + "/v1/agent/settings/think/models") as response:
        assert response.status == 200
        assert response.headers["dg-request-id"]
        assert all({"id", "name", "provider"} <= model.keys() for model in (await response.json())["models"])
    (await api.call("GET", "/v1/models", headers={"Authorization": ""})).problem(401, "unauthorized")
    models = (await api.call("GET", "/v1/models")).json
    assert {"name", "canonical_name", "architecture", "languages", "version", "uuid", "metadata"} <= models["tts"][0].keys()


async def test_an_upstream_without_room_is_503_before_the_upgrade(api_of: ApiOf) -> None:
    api = await api_of(script={"handshake": {"status": 429}})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with client(api):
            pass
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("frame", ["not json", "[]", '{"type": 7}', '{"type": "KeepAlive"}'])
async def test_a_client_that_breaks_the_protocol_is_told_and_let_go(api: Api, frame: str) -> None:
    async with client(api) as socket:
        await text(socket, "Welcome")
        await socket.send_str(frame)
        error = await text(socket, "Error")
        assert error["code"] in ("UNPARSABLE_CLIENT_MESSAGE", "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS")
        closed = await socket.receive(timeout=30)
        assert closed.type is aiohttp.WSMsgType.CLOSE
        assert closed.data == 1008
    await eventually(lambda: not [session for session in api.world.manager.list() if session.live])


async def test_a_session_that_is_stopped_closes_its_client(api: Api) -> None:
    async with client(api) as socket:
        await text(socket, "Welcome")
        await socket.send_json(SETTINGS)
        await text(socket, "SettingsApplied")
        (session,) = api.world.manager.list()
        stopped = await api.call("DELETE", f"/v1/sessions/{session.id}")
        assert stopped.json["end_reason"] == "stopped"
        closed = await socket.receive(timeout=30)  # a client that looks only now is told the same
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_a_client_whose_connection_breaks_leaves_nothing_behind(api: Api) -> None:
    async with client(api) as socket:
        await text(socket, "Welcome")
        assert socket._response.connection is not None
        assert socket._response.connection.transport is not None
        socket._response.connection.transport.abort()
        (session,) = api.world.manager.list()
        async with asyncio.timeout(30):
            await session.ended.wait()
    assert session.end_reason == EndReason.CLIENT_LEFT


# what waits for a slow client


@pytest.fixture
async def out(api_of: ApiOf) -> ClientOut:
    """Of a session that speaks 16 kHz linear16: 10 s of audio may wait, and five messages."""
    api = await api_of(playback_buffer_s=10, subscriber_queue=5, subscriber_queue_bytes=1000)
    made = ClientOut(api.deps)
    made.session = await api.session()
    return made


async def test_agent_audio_goes_out_in_frames_of_at_most_64_kib(out: ClientOut) -> None:
    out.agent_audio(b"x" * (FRAME_BYTES * 2 + 5))
    frames = [await out.get() for _ in range(3)]
    assert [len(frame) for frame in frames if isinstance(frame, bytes)] == [FRAME_BYTES, FRAME_BYTES, 5]


async def test_a_slow_client_loses_its_oldest_audio_and_no_text_and_the_session_tells(out: ClientOut) -> None:
    out.send_text(b'{"type":"First"}')
    for second in range(15):
        out.agent_audio(bytes([second]) * 32_000)
    out.send_text(b'{"type":"Last"}')
    out.close(1000, "done")
    frames = []
    while isinstance(frame := await out.get(), bytes | str):
        frames.append(frame)
    first, *audio, last = frames
    assert (first, last) == ('{"type":"First"}', '{"type":"Last"}')
    assert [frame[0] for frame in audio if isinstance(frame, bytes)] == list(range(5, 15))
    assert out.session is not None
    assert out.session.conversation.dropped.take() == [{"where": "listener", "dropped_s": 5.0}]


@pytest.mark.parametrize("message", [b"x", b"x" * 400])
async def test_a_client_that_takes_no_text_is_cut_off(out: ClientOut, message: bytes) -> None:
    for _ in range(6):
        out.send_text(message)
    closing = await out.get()
    assert isinstance(closing, Close)
    assert closing.code == 1013


async def test_one_message_alone_may_be_of_any_size(out: ClientOut) -> None:
    out.send_text(b"x" * 1_000_000)
    assert await out.get() == "x" * 1_000_000
