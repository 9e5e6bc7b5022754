"""The engine's server: who gets in, what breaks the protocol, what times out, and how it ends; with a scripted dialogue."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from agentd.config import EngineSettings
from tests.support.agent_client import AgentClient, agent_client, settings
from tests.support.scripted import KEY, scripted_engine

QUICK = EngineSettings(idle_timeout_s=0.3)


async def _until(condition: Callable[[], bool], *, bound_s: float = 30.0) -> None:
    """Let others run until ``condition()`` is true."""
    async with asyncio.timeout(bound_s):
        while not condition():  # noqa: ASYNC110 - nothing tells when a connection is gone
            await asyncio.sleep(0.005)


async def test_welcome_comes_unasked_and_names_the_request() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        welcome = await client.until("Welcome")
        assert welcome["request_id"] == client.headers["dg-request-id"]


@pytest.mark.parametrize("header", ["Token", "token", "Bearer", "bearer"])
async def test_the_key_is_taken_in_every_spelling_of_the_header(header: str) -> None:
    headers = {"Authorization": f"{header} {KEY}"}
    async with scripted_engine({}) as engine, agent_client(engine.url, "", headers=headers) as client:
        await client.until("Welcome")


@pytest.mark.parametrize("scheme", ["token", "bearer", "Token"])
async def test_the_key_is_taken_as_a_subprotocol_which_is_echoed(scheme: str) -> None:
    async with (
        scripted_engine({}) as engine,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{engine.url}/v1/agent/converse", protocols=(scheme, KEY)) as socket,
    ):
        assert socket.protocol == scheme
        await AgentClient(socket).until("Welcome")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Token wrong"}, {"Authorization": KEY}])
async def test_without_the_key_the_handshake_is_refused(headers: dict[str, str]) -> None:
    async with (
        scripted_engine({}) as engine,
        aiohttp.ClientSession() as session,
        session.get(f"{engine.http_url}/v1/agent/converse", headers=headers) as response,
    ):
        assert response.status == 401
        body = await response.json()
        assert body["err_code"] == "INVALID_AUTH"
        assert body["request_id"] == response.headers["dg-request-id"]
        assert response.headers["dg-error"] == body["err_msg"]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_another_host_or_origin_is_refused_even_with_the_key(headers: dict[str, str]) -> None:
    async with scripted_engine({}) as engine, aiohttp.ClientSession() as session:
        headers |= {"Authorization": f"Token {KEY}"}
        async with session.get(f"{engine.http_url}/v1/models", headers=headers) as response:
            assert response.status == 403
            assert "dg-error" in response.headers


async def test_the_rest_paths_answer() -> None:
    async with scripted_engine({}) as engine, aiohttp.ClientSession(headers={"Authorization": f"Token {KEY}"}) as session:
        async with session.get(f"{engine.http_url}/v1/agent/settings/think/models") as response:
            assert "models" in await response.json()
            assert "dg-request-id" in response.headers
        async with session.get(f"{engine.http_url}/healthz") as response:
            assert (await response.json())["status"] == "ok"
        async with session.get(f"{engine.http_url}/v1/nothing") as response:
            assert response.status == 404
            assert (await response.json())["err_code"] == "NOT_FOUND"


async def test_one_conversation_too_many_is_told_to_come_back() -> None:
    limits = EngineSettings(max_sessions=1)
    async with scripted_engine({}, settings=limits) as engine, agent_client(engine.url, KEY) as client:
        await client.until("Welcome")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with agent_client(engine.url, KEY):
                pass
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "2"
        assert "max_sessions" in refused.value.headers["dg-error"]


async def test_a_place_is_free_again_after_a_client_vanished() -> None:
    async with scripted_engine({}, settings=EngineSettings(max_sessions=1)) as engine:
        for _ in range(3):
            async with agent_client(engine.url, KEY) as client:
                await client.until("Welcome")
                client.vanish()
            async with asyncio.timeout(30):
                while await _conversations(engine.http_url):  # noqa: ASYNC110 - nothing tells when a connection is gone
                    await asyncio.sleep(0.005)


async def _conversations(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
        return int((await response.json())["conversations"])


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "KeepAlive"}, "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"),
        ("not json", "UNPARSABLE_CLIENT_MESSAGE"),
        ("[1]", "UNPARSABLE_CLIENT_MESSAGE"),
        ({"type": "Nonsense"}, "UNPARSABLE_CLIENT_MESSAGE"),
        ('{"type":"Settings","agent":' + '{"a":' * 200 + "1" + "}" * 201, "UNPARSABLE_CLIENT_MESSAGE"),
        ({"type": "Settings", "agent": "3c0b2b6e-6d2e-4a1f-9d43-0f3e1f6b8a11"}, "AGENT_ID_NOT_SUPPORTED"),
        ({"type": "Settings", "agent": "kitchen"}, "INVALID_AGENT_ID"),
        ({"type": "Settings", "audio": {"input": {"encoding": "morse", "sample_rate": 1}}, "agent": {}}, "INVALID_SETTINGS"),
        (
            {"type": "Settings", "audio": {"input": {"encoding": "opus", "sample_rate": 48000}}, "agent": {}},
            "INVALID_SETTINGS",
        ),
    ],
)
async def test_a_first_message_that_is_wrong_ends_the_conversation_with_its_error(frame: dict[str, Any] | str, code: str) -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(frame)
        assert (await client.until("Error"))["code"] == code
        assert await client.closed() == 1008


async def test_text_that_is_not_utf_8_is_an_error_in_words() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send_bytes_as_text(b'{"type":"Settings","agent":{"greeting":"\xff"}}')
        error = await client.until("Error")
        assert (error["code"], "UTF-8" in error["description"]) == ("UNPARSABLE_CLIENT_MESSAGE", True)


async def test_a_recording_in_a_container_is_an_error_that_names_what_is_wanted() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send_audio(b"\x1a\x45\xdf\xa3" + bytes(320))
        error = await client.until("Error")
        assert error["code"] == "USER_AUDIO_FORMAT"
        assert "WebM" in error["description"]
        assert await client.closed() == 1008


async def test_audio_before_settings_is_an_error() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send_audio(b"\0" * 320)
        assert (await client.until("Error"))["code"] == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"


async def test_settings_twice_is_an_error() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send(settings())
        assert (await client.until("Error"))["code"] == "SETTINGS_ALREADY_APPLIED"
        assert await client.closed() == 1008


async def test_a_frame_beyond_a_mebibyte_is_refused() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.until("SettingsApplied")
        await client.send_audio(bytes(1024 * 1024 + 1))
        assert await client.closed() == 1009


@pytest.mark.parametrize(
    "message",
    [
        {"type": "InjectUserMessage", "content": "x" * 1_000_000},
        {"type": "FunctionCallResponse", "name": "f", "content": {'"' * 200_000: '"' * 250_000}},
    ],
)
async def test_a_text_whose_echo_would_be_too_long_for_clients_is_refused(message: dict[str, Any]) -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send(message)
        error = await client.until("Error")
        assert error["code"] == "UNPARSABLE_CLIENT_MESSAGE"
        assert "983040 bytes" in error["description"]


async def test_a_flood_of_frames_in_one_conversation_lets_the_others_run() -> None:
    flood, ran = 1000, 0

    async def others() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client, asyncio.TaskGroup() as group:
        await client.send(settings())
        await client.until("SettingsApplied")
        for _ in range(flood):  # all at once: this client does not wait between its frames
            await client.send({"type": "KeepAlive"})
        running = group.create_task(others())
        await engine.wait_for(lambda one: len(one.connections[0].messages) > flood)
        running.cancel()
    assert ran >= flood / 10


async def test_a_silent_client_is_dropped_and_told_why() -> None:
    async with scripted_engine({}, settings=QUICK) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        error = await client.until("Error")
        assert error["code"] == "CLIENT_MESSAGE_TIMEOUT"
        assert "user speech" in error["description"]
        assert await client.closed() == 1011


async def test_a_client_without_settings_is_told_to_send_them() -> None:
    async with scripted_engine({}, settings=QUICK) as engine, agent_client(engine.url, KEY) as client:
        assert "Settings" in (await client.until("Error"))["description"]


async def test_keepalive_holds_the_connection() -> None:
    async with scripted_engine({}, settings=QUICK) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        for _ in range(5):
            await client.quiet(0.15)
            await client.send({"type": "KeepAlive"})
        await client.send({"type": "InjectUserMessage", "content": "still there?"})
        await client.until("AgentAudioDone")


async def test_pings_alone_are_no_activity() -> None:
    async with scripted_engine({}, settings=QUICK) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        async with asyncio.TaskGroup() as group:
            pinging = group.create_task(client.ping_every(0.05))
            assert (await client.until("Error"))["code"] == "CLIENT_MESSAGE_TIMEOUT"
            pinging.cancel()


async def test_the_warning_ahead_of_the_end_can_be_left_out() -> None:
    limits = EngineSettings(max_session_s=0.3, session_warning_s=0)
    async with scripted_engine({}, settings=limits) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        assert (await client.until("Error"))["code"] == "MAXIMUM_SESSION_LENGTH_REACHED"
        assert "Warning" not in client.kinds()


async def test_the_longest_conversation_ends_with_a_warning_ahead() -> None:
    limits = EngineSettings(max_session_s=0.4)
    async with scripted_engine({}, settings=limits) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        assert (await client.until("Warning"))["code"] == "MAXIMUM_SESSION_LENGTH_APPROACHING"
        assert (await client.until("Error"))["code"] == "MAXIMUM_SESSION_LENGTH_REACHED"
        assert await client.closed() == 1011


async def test_a_shutdown_says_so_to_every_conversation() -> None:
    async with asyncio.TaskGroup() as group:
        stop = asyncio.Event()
        serving: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def serve() -> None:
            async with scripted_engine({}) as engine:
                serving.set_result(engine.url)
                await stop.wait()

        group.create_task(serve())
        async with agent_client(await serving, KEY) as client:
            await client.send(settings())
            await client.until("SettingsApplied")
            stop.set()
            assert (await client.until("Error"))["code"] == "SERVER_GOING_AWAY"
            assert await client.closed() == 1001


async def test_nothing_is_left_of_a_conversation_when_it_ends() -> None:
    before = asyncio.all_tasks()
    async with scripted_engine({}) as engine:
        idle = asyncio.all_tasks()
        async with agent_client(engine.url, KEY) as client:
            await client.send(settings(greeting="hi"))
            await client.until("AgentAudioDone")
        await _until(lambda: not asyncio.all_tasks() - idle)
    assert asyncio.all_tasks() <= before
