import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
import pytest

from agentd.audio.formats import AudioFormat
from agentd.http.stream_out import OWN_TEXTS, StreamOut
from agentd.sessions.state import EndReason
from tests.unit.http.conftest import Api, ApiOf, eventually
from tests.unit.http.test_audio import speech, wav

STREAM = "/v1/sessions/kitchen/stream"
FRAME = 640
"""20 ms of the session's input: 16 kHz linear16."""


@dataclass
class Client:
    """A client of the stream; what was read past is kept."""

    socket: aiohttp.ClientWebSocketResponse
    audio: bytearray = field(default_factory=bytearray)
    texts: list[dict[str, Any]] = field(default_factory=list)

    async def text(self, type_: str) -> dict[str, Any]:
        """The next text of a type."""
        async with asyncio.timeout(30):
            while True:
                frame = await self.socket.receive()
                if frame.type is aiohttp.WSMsgType.BINARY:
                    self.audio += frame.data
                elif frame.type is aiohttp.WSMsgType.TEXT:
                    self.texts.append(orjson.loads(frame.data))
                    if self.texts[-1]["type"] == type_:
                        return self.texts[-1]
                else:
                    raise AssertionError(f"{frame.type.name} {frame.data} before {type_}: {self.texts}")

    async def closed(self) -> int | None:
        """Read to the end; the close code."""
        async with asyncio.timeout(30):
            async for frame in self.socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    self.texts.append(orjson.loads(frame.data))
        return self.socket.close_code

    async def speak(self, pcm: bytes, *, frame: int = FRAME) -> None:
        for start in range(0, len(pcm), frame):
            await self.socket.send_bytes(pcm[start : start + frame])


@asynccontextmanager
async def client(api: Api, query: str = "", **options: Any) -> AsyncIterator[Client]:
    options.setdefault("headers", {"Authorization": f"Bearer {api.token}"})
    async with api.http.ws_connect(api.base + STREAM + query, **options) as socket:
        yield Client(socket)


async def refused(api: Api, query: str, **options: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        async with client(api, query, **options):
            pass
    return refusal.value.status


async def test_a_spoken_question_is_heard_answered_and_told(api: Api) -> None:
    await api.session()
    async with client(api) as one:
        first = await one.text("Snapshot")
        assert first["data"]["session"]["id"] == "kitchen"
        own = {"encoding": "linear16", "sample_rate": 16000}
        assert first["data"]["audio"] == {"input": own, "output": own}
        await one.speak(speech())
        finished = await one.text("TurnFinished")
    assert finished["data"]["heard"] == "turn on the lamp"
    assert finished["data"]["delivered"] is True
    said = [text["data"]["content"] for text in one.texts if text["type"] == "ConversationText"]
    assert said == ["turn on the lamp", "Done. The lamp in the living room is on."]
    assert AudioFormat("linear16", 16000).duration_s(len(one.audio)) == pytest.approx(0.3, abs=0.02)
    seqs = [text["seq"] for text in one.texts[1:] if "seq" in text]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_audio_is_resampled_and_recoded_both_ways(api: Api) -> None:
    session = await api.session()
    async with client(api, "?encoding=mulaw&sample_rate=8000") as one:
        snapshot = await one.text("Snapshot")
        assert snapshot["data"]["audio"]["output"] == {"encoding": "mulaw", "sample_rate": 8000}
        await one.speak(bytes([0x0A] * 10 + [0x8A] * 10) * 160, frame=160)
        finished = await one.text("TurnFinished")
    assert finished["data"]["heard"] == "turn on the lamp"
    assert len(one.audio) / 8000 == pytest.approx(0.3, abs=0.02)
    assert session.conversation.feed.sent_bytes >= 0.4 * 32000


async def test_client_messages_do_what_the_commands_do(api: Api) -> None:
    await api.session()
    async with client(api, "?audio=none") as one:
        await one.socket.send_json({"type": "UpdatePrompt", "prompt": "Be brief."})
        assert (await one.text("CommandFinished"))["data"]["outcome"] == "applied"
        await one.socket.send_json({"type": "InjectUserMessage", "content": "hello"})
        assert (await one.text("TurnFinished"))["data"]["said"] == "I heard: hello"
        await one.socket.send_json({"type": "KeepAlive"})
    assert "Be brief." in (await api.call("GET", "/v1/sessions/kitchen/prompt")).json["prompt"]
    assert not one.audio


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "UNPARSABLE_CLIENT_MESSAGE"),
        ('{"type": "Nonsense"}', "UNPARSABLE_CLIENT_MESSAGE"),
        ('{"type": "InjectUserMessage", "content": " "}', "invalid-request"),
        ('{"type": "Settings", "audio": {}}', "invalid-request"),
        ('{"type": "UpdateThink", "think": {"endpoint": {"url": "http://10.0.0.1/"}}}', "invalid-settings"),
    ],
)
async def test_a_message_that_cannot_be_used_is_answered_and_the_stream_lives(api: Api, message: str, code: str) -> None:
    await api.session()
    async with client(api, "?audio=none&events=TurnFinished") as one:
        await one.socket.send_str(message)
        error = await one.text("Error")
        assert error["data"]["code"] == code
        assert error["data"]["description"]
        assert "seq" not in error
        await one.socket.send_json({"type": "InjectUserMessage", "content": "still here"})
        assert (await one.text("TurnFinished"))["data"]["heard"] == "still here"


async def test_more_messages_than_the_limit_have_no_effect(api_of: ApiOf) -> None:
    api = await api_of(ws_messages_per_second=1)
    await api.session()
    async with client(api, "?audio=none") as one:
        for _ in range(3):  # two of them fall into one second
            await one.socket.send_json({"type": "KeepAlive"})
        assert (await one.text("Error"))["data"]["code"] == "too-many-requests"


async def test_audio_to_a_stream_without_microphone_is_an_error(api: Api) -> None:
    session = await api.session()
    async with client(api, "?audio=out") as one:
        await one.socket.send_bytes(bytes(FRAME))
        assert "audio=both" in (await one.text("Error"))["data"]["description"]
    assert session.conversation.feed.sent_bytes == 0


async def test_each_direction_needs_its_scope(api: Api) -> None:
    await api.session()
    assert await refused(api, "", headers=api.auth("read", "transcripts")) == 403
    assert await refused(api, "?audio=out", headers=api.auth("control")) == 403
    assert await refused(api, "?audio=none", headers=api.auth("metrics")) == 403
    async with client(api, "?audio=none", headers=api.auth("read")) as one:
        await one.socket.send_json({"type": "ForceEndTurn"})
        assert (await one.text("Error"))["data"]["code"] == "forbidden"
        await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "a secret"})
        await one.text("TurnFinished")
    assert "secret" not in str(one.texts)


async def test_a_browser_brings_its_token_or_a_grant_as_subprotocol(api: Api) -> None:
    await api.session()
    grant = (await api.call("POST", "/v1/auth/grant", json={})).json["access_token"]
    for token in (api.token, grant):
        async with client(api, headers={}, protocols=["bearer", token]) as one:
            assert one.socket.protocol == "bearer"
            await one.text("Snapshot")


async def test_without_an_upgrade_the_answer_says_what_to_do(api: Api) -> None:
    await api.session()
    (await api.call("GET", STREAM)).problem(400, "malformed-request")
    (await api.call("GET", f"{STREAM}?sample_rate=1")).problem(422, "invalid-request")
    (await api.call("GET", f"{STREAM}?encoding=opus")).problem(422, "invalid-request")


async def test_events_can_be_chosen_or_left_out(api: Api) -> None:
    await api.session()
    async with client(api, "?audio=out&events=none") as quiet, client(api, "?audio=none&events=ConversationText") as words:
        await words.text("Snapshot")
        await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "hello"})
        await api.call("DELETE", "/v1/sessions/kitchen")
        assert await words.closed() == 1000
        frames = [frame async for frame in quiet.socket]
    assert [text["type"] for text in words.texts] == ["Snapshot", "ConversationText", "ConversationText", "SessionEnded"]
    assert {frame.type for frame in frames} == {aiohttp.WSMsgType.BINARY}


async def test_a_client_resumes_where_it_was(api: Api) -> None:
    session = await api.session()
    async with client(api, "?audio=none") as one:
        await one.socket.send_json({"type": "InjectUserMessage", "content": "hello"})
        last = await one.text("ConversationText")
    await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "again"})
    async with client(api, f"?audio=none&after={session.run_id}:{last['seq']}") as two:
        await two.text("TurnFinished")
    assert two.texts[0]["type"] == "Snapshot"
    assert two.texts[1]["seq"] == last["seq"] + 1


async def test_a_cut_is_told_in_order_with_the_audio(api_of: ApiOf) -> None:
    script = {"greeting_audio_s": 0.0, "default": {"say": "A very long story.", "audio_s": 30.0}}
    api = await api_of(script=script)
    await api.session()
    async with client(api) as one:
        await one.socket.send_json({"type": "InjectUserMessage", "content": "tell me"})
        await one.text("ConversationText")
        await api.call("POST", "/v1/sessions/kitchen/interrupt")
        cut = await one.text("AudioCut")
        assert "seq" not in cut
        before = len(one.audio)
        await one.socket.send_json({"type": "KeepAlive"})
    assert before <= 30.0 * 32000


async def test_one_microphone_is_heard_at_a_time_and_a_second_is_told(api: Api) -> None:
    session = await api.session()
    async with client(api, "?events=AudioDropped") as first, client(api, "?events=AudioDropped") as second:
        await first.text("Snapshot")
        await second.text("Snapshot")
        await first.speak(bytes(FRAME))
        await eventually(lambda: session.conversation.feed.sent_bytes == FRAME)
        await second.speak(b"\x55" * FRAME)
        assert (await second.text("Error"))["data"]["code"] == "session-busy"
        dropped = await second.text("AudioDropped")
        assert dropped["data"] == {"where": "microphone", "dropped_s": 0.02}
        assert b"\x55" * 100 not in api.world.peer.connections[0].audio
        await first.socket.close()
        await eventually(lambda: session.conversation.feed._microphone is None)
        await second.speak(b"\x66" * FRAME)
        await api.world.peer.wait_for(lambda peer: b"\x66" * FRAME in peer.connections[0].audio)


async def test_an_injected_recording_is_answered_while_a_microphone_stays_open(api: Api) -> None:
    await api.session()
    async with client(api, "?events=none") as one:
        stop = asyncio.Event()

        async def microphone() -> None:
            while not stop.is_set():
                await one.speak(bytes(FRAME))
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            group.create_task(microphone(), name="test:microphone")
            answer = await api.call("POST", "/v1/sessions/kitchen/audio?wait=reply", data=wav(speech()))
            stop.set()
    assert answer.status == 200, answer.body
    assert answer.json["heard"] == "turn on the lamp"


async def test_a_client_that_sends_faster_than_it_speaks_is_held_back(api: Api) -> None:
    session = await api.session()
    async with client(api, "?events=none") as one:
        began = asyncio.get_running_loop().time()
        await one.speak(bytes(32000 * 3), frame=6400)
        await eventually(lambda: session.conversation.feed.sent_bytes >= 3 * 32000)
        assert asyncio.get_running_loop().time() - began > 0.5


async def test_the_stream_ends_with_its_session_and_an_ended_one_is_still_told(api: Api) -> None:
    session = await api.session()
    async with client(api) as one:
        await one.text("Snapshot")
        session.stop(EndReason.STOPPED)
        assert await one.closed() == 1000
        assert one.texts[-1]["type"] == "SessionEnded"
    async with client(api) as late:
        assert await late.closed() == 1000
        assert late.texts[0]["data"]["session"]["state"] == "ended"


async def test_a_client_too_slow_for_its_events_is_closed_1013_and_others_are_not(api_of: ApiOf) -> None:
    api = await api_of(subscriber_queue=20)
    session = await api.session()
    async with client(api, "?audio=none") as slow, client(api, "?audio=none&events=TurnFinished") as other:
        await slow.text("Snapshot")
        await other.text("Snapshot")
        for i in range(30):  # in one go: the writer has no turn in between
            session.conversation.publish("DeadAir", {"n": i})
        assert await slow.closed() == 1013
        await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "hello"})
        await other.text("TurnFinished")
    assert api.deps.hub.drops["ws", "control"] == 1


async def test_a_listener_too_slow_for_its_audio_loses_the_oldest_and_no_text(api_of: ApiOf) -> None:
    api = await api_of(playback_buffer_s=1.0)
    session = await api.session()
    something = asyncio.Event()
    mailbox = api.deps.hub.subscribe(run_id=session.run_id, max_items=9, max_bytes=99999, transport="ws", something=something)
    out = StreamOut(api.deps, session, mailbox, something, target=session.output_format, hears=True, words=True)
    out.agent_audio(b"\x01" * 16000)
    session.conversation.publish("DeadAir", {})
    for i in range(2, 6):
        out.agent_audio(bytes([i]) * 16000)
    frames = [await out.get() for _ in range(3)]
    kinds = [frame[1][:1] for frame in frames if frame is not None]
    assert kinds == [b"{", b"\x04", b"\x05"]
    assert api.deps.hub.drops["ws", "audio"] == 3
    assert session.conversation.dropped.take() == [{"where": "listener", "dropped_s": 1.5}]


async def test_a_client_that_reads_no_answers_is_cut_off(api: Api) -> None:
    session = await api.session()
    something = asyncio.Event()
    mailbox = api.deps.hub.subscribe(run_id=session.run_id, max_items=9, max_bytes=99999, transport="ws", something=something)
    out = StreamOut(api.deps, session, mailbox, something, target=session.output_format, hears=False, words=True)
    for _ in range(OWN_TEXTS + 1):
        out.tell("Error", {})
    assert await out.get() is None
    assert out.slow


async def test_a_client_that_leaves_is_forgotten(api: Api) -> None:
    session = await api.session()
    async with client(api) as one:
        await one.text("Snapshot")
        assert session.listeners.present
        assert api.deps.hub.subscribers["ws"] == 1
    await eventually(lambda: not session.listeners.present and api.deps.hub.subscribers["ws"] == 0)


async def test_a_barge_in_reaches_a_client_that_lags_behind_the_audio(api_of: ApiOf) -> None:
    script = {"greeting_audio_s": 0.0, "default": {"say": "A very long story.", "audio_s": 60.0}}
    api = await api_of(script=script, handlers={})
    session = await api.session()
    async with client(api, "?events=none", max_msg_size=0) as one:
        transport = one.socket.get_extra_info("socket")
        assert transport is not None
        one.socket._reader._protocol.pause_reading()
        await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "tell me"})
        assert session.conversation.audio_out_bytes == 60 * 32000
        await api.call("POST", "/v1/sessions/kitchen/interrupt")
        one.socket._reader._protocol.resume_reading()
        await one.text("AudioCut")
    assert len(one.audio) < 60 * 32000 // 2  # the rest never left the daemon
