"""A client's conversation that others steer too, and whose upstream connection is renewed: what the client notices of it."""

import asyncio
from typing import Any

import pytest

from agentd.sessions.state import EndReason
from tests.support.agent_client import SETTINGS, AgentClient, agent_client
from tests.support.sessions import drop_all
from tests.unit.http.compatible_clients import OURS, converse, document, says, session_id, write
from tests.unit.http.conftest import Api, ApiOf, eventually
from tests.unit.http.test_audio import speech, wav

ACKNOWLEDGED_LATE = {"on": [{"event": "update", "steps": [{"wait_s": 0.15}]}], "greeting_audio_s": 0.0}


async def renewed(api: Api, times: int = 1) -> None:
    """The session has a new connection that takes messages."""
    session = api.world.manager.get(session_id(api))
    await eventually(lambda: session.lifeline.renewals == times and str(session.state) == "active", timeout_s=30)


async def test_acknowledgements_go_to_whoever_asked(api_of: ApiOf) -> None:
    api = await api_of(script=ACKNOWLEDGED_LATE)
    async with converse(api) as client:
        path = f"/v1/sessions/{session_id(api)}/prompt"
        async with asyncio.TaskGroup() as group:
            by_rest = group.create_task(api.call("PATCH", path, json={"append": "By REST."}))
            await api.world.peer.wait_for(lambda peer: bool(peer.connections[0].of_type("UpdatePrompt")))
            await client.send({"type": "UpdatePrompt", "prompt": "By the client."})
            await client.until("PromptUpdated")
        assert (await api.call("PATCH", path, json={"append": "More by REST."})).json["state"] == "applied"
        assert by_rest.result().json["state"] == "applied"
        await client.send({"type": "UpdateSpeak", "speak": {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}})
        await client.until("SpeakUpdated")
        assert len(client.of_type("PromptUpdated")) == 1
        prompt = (await api.call("GET", path)).json["prompt"]
    assert prompt == "You are a test.\n\nBy REST.\n\nBy the client.\n\nMore by REST."


async def test_a_refusal_goes_to_whoever_was_refused(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "inject_agent", "match": "no", "steps": [{"refuse": "The user is speaking."}]}]})
    async with converse(api) as client:
        body = {"role": "assistant", "content": "no, says REST"}
        (await api.call("POST", f"/v1/sessions/{session_id(api)}/messages", json=body)).problem(409, "injection-refused")
        await client.send({"type": "InjectAgentMessage", "message": "no, says the client"})
        await client.until("InjectionRefused")
        await client.send({"type": "InjectAgentMessage", "message": "Yes."})
        await says(client, "Yes.")
        assert len(client.of_type("InjectionRefused")) == 1


async def test_a_warning_that_means_a_refusal_goes_the_same_way(api_of: ApiOf) -> None:
    warned = [{"refuse": "The user is speaking."}, {"warning": "INJECT_AGENT_MESSAGE_DURING_USER_SPEECH"}]
    unsupported = {"event": "force_end_turn", "steps": [{"warning": "FORCE_END_TURN_UNSUPPORTED"}]}
    api = await api_of(script={"on": [{"event": "inject_agent", "match": "no", "steps": warned}, unsupported]})
    async with converse(api) as client:
        base = f"/v1/sessions/{session_id(api)}"
        await api.call("POST", base + "/messages", json={"role": "assistant", "content": "no, says REST"})
        assert (await api.call("POST", base + "/end-turn")).json["state"] == "no_effect"
        await client.send({"type": "InjectAgentMessage", "message": "no, says the client"})
        await client.until("Warning")
        await client.send({"type": "ForceEndTurn"})
        await client.until(lambda item: isinstance(item, dict) and item.get("code") == "FORCE_END_TURN_UNSUPPORTED")
        codes = [warning["code"] for warning in client.of_type("Warning")]
    assert codes == ["INJECT_AGENT_MESSAGE_DURING_USER_SPEECH", "FORCE_END_TURN_UNSUPPORTED"]
    assert len(client.of_type("InjectionRefused")) == 1


async def test_the_conversation_is_steered_by_the_api_while_its_client_is_connected(api: Api) -> None:
    async with converse(api) as client:
        base = f"/v1/sessions/{session_id(api)}"
        await api.call("POST", base + "/say", json={"text": "The bell rings."})
        await says(client, "The bell rings.")
        turn = (await api.call("POST", base + "/messages?wait=reply", json={"role": "user", "content": "who is it"})).json
        assert turn["said"] == "I heard: who is it"
        assert turn["delivered"], "the client heard it"
        await says(client, "I heard: who is it")
        transcript = (await api.call("GET", base + "/transcript")).json["items"]
    assert [line["text"] for line in transcript] == ["The bell rings.", "who is it", "I heard: who is it"]


async def test_a_recording_is_injected_although_the_client_sends_no_audio(api_of: ApiOf) -> None:
    api = await api_of(script={"speech_default": "turn on the lamp", "greeting_audio_s": 0.0})
    async with converse(api) as client:
        path = f"/v1/sessions/{session_id(api)}/audio?wait=reply&pace=fast"
        turn = (await api.call("POST", path, data=wav(speech(0.5)))).json
        assert turn["heard"] == "turn on the lamp"
        await says(client, "I heard: turn on the lamp")


async def test_others_listen_in(api: Api) -> None:
    async with converse(api) as client:
        headers = {"Authorization": f"Bearer {api.token}"}
        stream = f"{api.base}/v1/sessions/{session_id(api)}/stream?audio=out"
        async with api.http.ws_connect(stream, headers=headers) as listener:
            await write(client, "hello")
            await client.until("AgentAudioDone")
            heard = 0
            async with asyncio.timeout(30):
                while heard < len(client.audio()):
                    frame = await listener.receive()
                    heard += len(frame.data) if isinstance(frame.data, bytes) else 0
        assert heard == len(client.audio()) > 0


async def test_a_configuration_kept_elsewhere_cannot_be_changed_from_here_and_says_so(api: Api) -> None:
    async with converse(api):
        session = api.world.manager.get(session_id(api))
        session.conversation.document = {"type": "Settings", "agent": "fc553ec9-5874-49ca-a47c-b670d525a4b1"}
        answer = await api.call("PUT", f"/v1/sessions/{session.id}/prompt", json={"prompt": "New."})
        answer.problem(422, "invalid-request")


async def test_an_interruption_by_the_api_empties_the_clients_buffer(api_of: ApiOf) -> None:
    long = {"say": "A long story.", "audio_s": 20, "realtime": True}
    api = await api_of(script={"default": [long], "greeting_audio_s": 0.0})
    async with converse(api) as client:
        await write(client, "tell me")
        await says(client, "A long story.")
        await eventually(lambda: api.world.manager.get(session_id(api)).conversation.audio_out_bytes > 0)
        await api.call("POST", f"/v1/sessions/{session_id(api)}/interrupt")
        await client.until("UserStartedSpeaking")


# renewals

DROPPING = {"event": "user", "match": "drop", "times": 1, "steps": [{"drop": True}]}


async def test_a_renewal_is_not_seen_and_the_question_is_answered_once(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [DROPPING], "greeting_audio_s": 0.0}, agent={"greeting": "Hello!"})
    async with converse(api) as client:
        await says(client, "Hello!")
        await write(client, "drop the line")
        await says(client, "I heard: drop the line")
        await client.until("AgentAudioDone", after=client.kinds().index("AgentAudioDone") + 1)
        assert len(client.of_type("Welcome")) == len(client.of_type("SettingsApplied")) == 1
        assert client.texts("user") == ["drop the line"]
        assert client.texts("assistant") == ["Hello!", "I heard: drop the line"]
        view = (await api.call("GET", f"/v1/sessions/{session_id(api)}")).json
    assert view["usage"]["renewals"] == 1


async def test_what_the_client_sends_while_the_line_is_down_is_not_lost(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, script={"default": {"say": "{prompt} {voice}: {text}", "audio_s": 0.1}})
    async with converse(api) as client:
        api.world.peer.refuse(503, times=1)
        drop_all(api.world.peer)
        session = api.world.manager.get(session_id(api))
        await eventually(lambda: str(session.state) == "reconnecting")
        await client.send({"type": "KeepAlive"})
        await client.send({"type": "UpdatePrompt", "prompt": "Be brief."})
        await client.send({"type": "UpdateSpeak", "speak": {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}})
        await write(client, "are you there")
        await client.send_audio(bytes(3200))
        await says(client, "You are a test.\n\nBe brief. aura-2-zeus-en: are you there")
        kinds = client.kinds()
        assert kinds.count("PromptUpdated") == kinds.count("SpeakUpdated") == 1
        assert kinds.index("SpeakUpdated") < kinds.index("ConversationText")
        second = api.world.peer.connections[1]
    assert second.of_type("UpdatePrompt") == [], "the new connection began with it"
    assert second.audio_bytes == 3200
    assert [function["name"] for function in second.messages[0]["agent"]["think"]["functions"]][:2] == ["set_light", "slow"]


async def test_an_update_that_was_not_acknowledged_before_the_line_broke_is_acknowledged_after(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "update", "times": 1, "steps": [{"drop": True}]}]})
    async with converse(api) as client:
        await client.send({"type": "UpdatePrompt", "prompt": "Be brief."})
        await client.until("PromptUpdated", timeout=30)
        assert api.world.peer.connections[1].messages[0]["agent"]["think"]["prompt"] == "You are a test.\n\nBe brief."


async def test_an_error_that_a_renewal_mends_is_not_shown(api_of: ApiOf) -> None:
    failing = {"event": "user", "match": "fail", "times": 1, "steps": [{"error": "FAILED_TO_THINK", "description": "no model"}]}
    api = await api_of(script={"on": [failing], "greeting_audio_s": 0.0})
    async with converse(api) as client:
        await write(client, "fail once")
        await renewed(api)
        await write(client, "go on")
        await says(client, "I heard: go on")
        assert client.of_type("Error") == []


async def test_a_reply_that_the_loss_cut_off_is_over_for_the_client(api_of: ApiOf) -> None:
    cut = [{"say": "Half", "audio_s": 0.3, "done": False}, {"drop": True}]
    half = {"event": "user", "match": "half", "times": 1, "steps": cut}
    api = await api_of(script={"on": [half], "greeting_audio_s": 0.0})
    async with converse(api) as client:
        await write(client, "half")
        await client.until("AgentAudioDone", timeout=30)
        await renewed(api)


async def test_a_renewal_that_fails_is_told_as_an_error(api_of: ApiOf) -> None:
    api = await api_of(renewal_s=0.3)
    async with converse(api) as client:
        api.world.peer.refuse(503, times=50)
        drop_all(api.world.peer)
        await client.closed()
        assert [error["code"] for error in client.of_type("Error")] == ["INTERNAL_SERVER_ERROR"]
        assert client.close_code == 1011


# ends


@pytest.mark.parametrize(
    ("reason", "code", "close"),
    [
        (EndReason.STOPPED, None, 1000),
        (EndReason.AGENT_ENDED, None, 1000),
        (EndReason.DAEMON_SHUTDOWN, "SERVER_GOING_AWAY", 1001),
        (EndReason.MAX_DURATION, "MAXIMUM_SESSION_LENGTH_REACHED", 1011),
        (EndReason.IDLE_TIMEOUT, "CLIENT_MESSAGE_TIMEOUT", 1011),
    ],
)
async def test_each_end_is_told_in_the_protocols_words(api: Api, reason: EndReason, code: str | None, close: int) -> None:
    async with converse(api) as client:
        api.world.manager.get(session_id(api)).stop(reason)
        await client.closed()
        assert [error["code"] for error in client.of_type("Error")] == ([code] if code else [])
        assert client.close_code == close


async def test_a_final_error_is_told_once(api_of: ApiOf) -> None:
    api = await api_of(script={"default": [{"error": "USER_AUDIO_FORMAT", "description": "that is no linear16"}]})
    async with converse(api) as client:
        await write(client, "x")
        await client.closed()
        assert [error["code"] for error in client.of_type("Error")] == ["USER_AUDIO_FORMAT"]
        assert client.items[-1] == client.of_type("Error")[0]


async def test_a_client_that_floods_the_daemon_with_messages_is_told_and_let_go(api_of: ApiOf) -> None:
    api = await api_of(ws_messages_per_second=20)
    async with converse(api) as client:
        for _ in range(60):
            await client.send({"type": "KeepAlive"})
        await client.closed()
        assert client.of_type("Error")[0]["code"] == "TOO_MANY_MESSAGES"
        assert client.close_code == 1008


# audio


@pytest.fixture
async def undecided(api: Api) -> Any:
    """A client that has not sent its Settings."""
    async with agent_client(api.base.replace("http", "ws", 1), api.token) as client:
        await client.until("Welcome")
        yield client


async def test_audio_before_settings_is_an_error_of_the_protocol(undecided: AgentClient) -> None:
    await undecided.send_audio(bytes(320))
    await undecided.closed()
    assert undecided.of_type("Error")[0]["code"] == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"
    assert undecided.close_code == 1008


async def test_audio_and_messages_before_settings_are_applied_are_held(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "settings", "steps": [{"wait_s": 0.3}]}], "greeting_audio_s": 0.0})
    async with agent_client(api.base.replace("http", "ws", 1), api.token) as client:
        await client.send(document())
        for second in range(3):
            await client.send_audio(bytes([second]) * 32_000)
        await write(client, "early")
        await says(client, "I heard: early")
        heard = api.world.peer.connections[0].audio
    assert bytes(heard) == b"\x01" * 32_000 + b"\x02" * 32_000, "two seconds, the latest"


async def test_a_file_sent_at_once_waits_in_the_clients_socket_and_is_heard_whole(api_of: ApiOf) -> None:
    api = await api_of(script={"speech_default": "turn on the lamp", "greeting_audio_s": 0.0})
    async with converse(api) as client:
        file = speech(3.0) + bytes(32_000)
        for start in range(0, len(file), 8192):
            await client.send_audio(file[start : start + 8192])
        await says(client, "I heard: turn on the lamp")
        assert api.world.peer.connections[0].audio_bytes >= len(speech(3.0))
        waited = [api.world.manager.get(session_id(api)).client_side.audio(bytes(32_000)) for _ in range(4)]
    assert waited == sorted(waited)
    assert waited[-1] > 0, "four seconds in no time are two too many"


async def test_a_sample_rate_of_nothing_ends_the_session_and_no_more(api: Api) -> None:
    nothing = document() | {"audio": {"input": {"encoding": "linear16", "sample_rate": 0}}}
    async with agent_client(api.base.replace("http", "ws", 1), api.token) as client:
        await client.send(nothing)
        await client.closed()
        assert [error["code"] for error in client.of_type("Error")] == ["INVALID_SETTINGS"]
    (ended,) = (await api.call("GET", "/v1/sessions")).json["items"]
    assert ended["end_reason"] == "settings_rejected"


async def test_an_early_access_client_converses_at_its_own_path(api: Api) -> None:
    async with agent_client(api.base.replace("http", "ws", 1), api.token, path="/agent") as client:
        assert (await client.until("Welcome"))["session_id"]
        agent = {"think": {"provider": {"type": "open_ai"}, "model": "gpt-4o-mini", "instructions": "Be brief."}}
        await client.send({"type": "SettingsConfiguration", "audio": SETTINGS["audio"], "agent": agent})
        await client.until("SettingsApplied")
        await write(client, "hello")
        await says(client, "I heard: hello")
