import asyncio
import io
import struct
import wave
from collections.abc import AsyncIterator

import pytest

from tests.support.recordings import KINDS, record, tone
from tests.unit.http.conftest import Api, ApiOf, eventually

AUDIO = "/v1/sessions/kitchen/audio"
RATE = 16000


def speech(seconds: float = 0.4, rate: int = RATE, channels: int = 1) -> bytes:
    """A loud square wave, which the scripted peer takes for speech."""
    period = rate // 400
    sample = [12000 if (i // (period // 2)) % 2 else -12000 for i in range(round(seconds * rate))]
    return b"".join(struct.pack("<h", value) * channels for value in sample)


def wav(pcm: bytes, rate: int = RATE, channels: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


@pytest.fixture
async def kitchen(api: Api) -> Api:
    await api.session()
    return api


async def heard_bytes(api: Api) -> int:
    return api.world.peer.connections[0].audio_bytes


async def test_a_recording_is_sent_and_counted(kitchen: Api) -> None:
    answer = await kitchen.call("POST", AUDIO, data=wav(speech()), headers={"Content-Type": "audio/wav"})
    assert answer.status == 200, answer.body
    assert answer.json["accepted_bytes"] == len(speech())
    assert answer.json["accepted_s"] == pytest.approx(0.4)
    assert answer.json["queued_s"] >= 0


async def test_what_curl_sends_by_default_is_recognised_and_put_is_taken(kitchen: Api) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await kitchen.call("PUT", AUDIO, data=wav(speech()), headers=form)).status == 200


async def test_a_recording_that_waits_answers_the_turn_it_caused(kitchen: Api) -> None:
    turn = await kitchen.call("POST", f"{AUDIO}?wait=reply", data=wav(speech()))
    assert turn.status == 200, turn.body
    assert turn.json["heard"] == "turn on the lamp"
    assert turn.json["said"] == "Done. The lamp in the living room is on."
    assert "turns" not in turn.json


async def test_a_question_as_sound_gets_an_answer_as_sound(kitchen: Api) -> None:
    answer = await kitchen.call("POST", f"{AUDIO}?wait=reply", data=wav(speech()), headers={"Accept": "audio/wav"})
    assert answer.status == 200, answer.body
    with wave.open(io.BytesIO(answer.body)) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16000, 1)
        assert sound.getnframes() > 1000


async def test_chunked_stereo_in_another_rate_is_mixed_and_resampled(kitchen: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        whole = wav(speech(rate=48000, channels=2), 48000, 2)
        for start in range(0, len(whole), 7919):  # odd pieces: nothing is aligned
            yield whole[start : start + 7919]

    answer = await kitchen.call("POST", AUDIO, data=chunks(), headers={"Content-Type": "audio/wav"})
    assert answer.json["accepted_s"] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"ID3\x04 not for us, really not", "audio/mpeg", 400),
        (b"ID3\x04 not for us, really not", "application/octet-stream", 400),
        (b"hello world, this is no sound", "application/octet-stream", 415),
        (b"{}", "application/json", 415),
        (wav(b""), "audio/wav", 422),
        (wav(speech())[:20], "audio/wav", 400),
        (b"not a wav at all, is it", "audio/wav", 400),
        (wav(speech(), rate=1000), "audio/wav", 422),
        (speech(), "audio/pcm;encoding=vinyl", 422),
        (speech(), "audio/pcm;rate=999999", 422),
    ],
)
async def test_bad_audio_is_refused_and_nothing_of_it_reaches_the_upstream(
    kitchen: Api, body: bytes, kind: str, status: int
) -> None:
    before = await heard_bytes(kitchen)
    answer = await kitchen.call("POST", AUDIO, data=body, headers={"Content-Type": kind})
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert await heard_bytes(kitchen) == before


async def test_no_body_is_refused_with_the_flag_to_add(kitchen: Api) -> None:
    problem = (await kitchen.call("POST", AUDIO)).problem(400, "malformed-request")
    assert "--data-binary" in problem["detail"]


@pytest.mark.parametrize("name", ["FLAC", "Ogg Opus", "MP3", "WebM Opus", "M4A, index last"])
async def test_a_compressed_recording_is_heard_and_answered(kitchen: Api, name: str) -> None:
    kind = KINDS[name]
    body = record(kind, tone(0.4, kind.rate))
    for content_type in (kind.media_type, "application/x-www-form-urlencoded"):
        answer = await kitchen.call("PUT", AUDIO, data=body, headers={"Content-Type": content_type})
        assert answer.status == 200, answer.body
        assert answer.json["accepted_s"] == pytest.approx(0.4, abs=0.1)


async def test_a_recording_that_says_it_is_too_long_is_413_before_any_of_it_is_heard(api_of: ApiOf) -> None:
    api = await api_of(audio_body_s=0.5)
    await api.session()
    before = await heard_bytes(api)
    kind = KINDS["M4A, index first"]
    (await api.call("POST", AUDIO, data=record(kind, tone(0.8, kind.rate)))).problem(413, "payload-too-large")
    (await api.call("POST", AUDIO, data=wav(speech(0.8)))).problem(413, "payload-too-large")
    assert await heard_bytes(api) == before


async def test_a_busy_session_says_so_before_it_reads_the_recording(kitchen: Api) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"RIFF"
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        first = group.create_task(kitchen.call("POST", AUDIO, data=wav(speech(2.0))))
        await eventually(lambda: kitchen.world.manager.get("kitchen").conversation.feed.talking)
        async with asyncio.timeout(30):
            (await kitchen.call("POST", f"{AUDIO}?queue=false", data=never())).problem(409, "session-busy")
    assert first.result().status == 200


async def test_silence_is_not_heard(kitchen: Api) -> None:
    answer = await kitchen.call("POST", f"{AUDIO}?wait=reply", data=wav(bytes(RATE // 2)))
    answer.problem(422, "nothing-heard")


async def test_a_body_over_the_limit_is_413_before_it_is_read(api_of: ApiOf) -> None:
    api = await api_of(audio_body_bytes=10_000, audio_body_s=0.5)
    await api.session()
    (await api.call("POST", AUDIO, data=wav(speech()))).problem(413, "payload-too-large")


async def test_a_recording_that_is_too_long_is_413_and_a_live_stream_may_go_on(api_of: ApiOf) -> None:
    api = await api_of(audio_body_s=0.5)
    await api.session()
    (await api.call("POST", f"{AUDIO}?pace=fast", data=wav(speech(0.8)))).problem(413, "payload-too-large")

    async def chunks() -> AsyncIterator[bytes]:
        yield wav(speech(0.8))

    assert (await api.call("POST", AUDIO, data=chunks())).json["accepted_s"] == pytest.approx(0.8)


async def test_a_stalled_body_with_a_length_is_408_and_a_live_stream_just_ends(api_of: ApiOf) -> None:
    api = await api_of(audio_stall_s=0.3)
    await api.session()

    async def half(size: int) -> AsyncIterator[bytes]:
        yield wav(speech())[:size]
        await asyncio.Event().wait()

    length = {"Content-Length": str(len(wav(speech())))}
    async with asyncio.timeout(30):
        answer = await api.call("POST", AUDIO, data=half(6000), headers=length)
        answer.problem(408, "request-timeout")
        live = await api.call("POST", AUDIO, data=half(6444))
    assert live.status == 200
    assert live.json["accepted_s"] == pytest.approx(0.2)


async def test_a_client_killed_half_way_leaves_the_session_to_the_next(kitchen: Api) -> None:
    body = wav(speech(3.0))
    head = (
        f"POST {AUDIO}?wait=reply HTTP/1.1\r\nHost: 127.0.0.1:{kitchen.port}\r\nAuthorization: Bearer {kitchen.token}\r\n"
        f"Content-Type: audio/wav\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    feed = kitchen.world.manager.get("kitchen").conversation.feed
    connection = kitchen.world.peer.connections[0]
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", kitchen.port)
        writer.write(head.encode() + body[: len(body) // 2])
        await eventually(lambda: feed.talking and connection.audio_bytes > 0)
        writer.transport.abort()
        await eventually(lambda: not feed.talking, timeout_s=1.0)
        connection.audio.clear()
    told = [event.data for event in kitchen.world.manager.get("kitchen").events_since(0)[0] if event.type == "CommandFinished"]
    assert [(event["kind"], event["outcome"]) for event in told] == [("audio", "partial")] * 3
    assert all("(client-gone)" in event["detail"] and "s of it were sent" in event["detail"] for event in told)
    assert kitchen.world.registry.get_sample_value("agentd_commands_total", {"kind": "audio", "outcome": "partial"}) == 3
    answer = await kitchen.call("POST", f"{AUDIO}?wait=sent&queue=false", data=wav(speech()))
    assert answer.status == 200, answer.body
    assert kitchen.world.manager.get("kitchen").live


async def test_one_talker_at_a_time_and_the_next_may_wait_or_be_refused(kitchen: Api) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(kitchen.call("POST", AUDIO, data=wav(speech(2.0))))
        feed = kitchen.world.manager.get("kitchen").conversation.feed
        await eventually(lambda: feed.talking)
        (await kitchen.call("POST", f"{AUDIO}?queue=false", data=wav(speech()))).problem(409, "session-busy")
        second = await kitchen.call("POST", AUDIO, data=wav(speech()))
    assert first.result().status == 200
    assert second.json["queued_s"] > 0.3


async def test_a_client_that_leaves_the_line_gives_up_its_place(kitchen: Api) -> None:
    feed = kitchen.world.manager.get("kitchen").conversation.feed
    body = wav(speech())
    head = (
        f"POST {AUDIO} HTTP/1.1\r\nHost: 127.0.0.1:{kitchen.port}\r\nAuthorization: Bearer {kitchen.token}\r\n"
        f"Content-Type: audio/wav\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    async with asyncio.TaskGroup() as group:
        first = group.create_task(kitchen.call("POST", AUDIO, data=wav(speech(1.5))))
        await eventually(lambda: feed.talking)
        _, writer = await asyncio.open_connection("127.0.0.1", kitchen.port)
        writer.write(head.encode() + body)
        await eventually(lambda: len(feed._queue) == 2)
        writer.transport.abort()
        await eventually(lambda: len(feed._queue) == 1, timeout_s=1.0)
    assert first.result().json["accepted_s"] == pytest.approx(1.5)


async def test_a_header_that_never_ends_ends_with_the_session(kitchen: Api) -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"RIFF\x00\x00\x00\x00WAVELIST\xff\xff\xff\xff"
        await ended.wait()
        while True:
            yield bytes(100)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        upload = group.create_task(kitchen.call("POST", AUDIO, data=endless()))
        await kitchen.call("DELETE", "/v1/sessions/kitchen")
        ended.set()
    upload.result().problem(409, "session-ended")


async def test_the_answer_names_the_command_and_what_the_recording_was(kitchen: Api) -> None:
    answer = await kitchen.call("POST", AUDIO, data=wav(speech(0.2, rate=44_100, channels=2), rate=44_100, channels=2))
    assert answer.json["format"] == "WAV, 16 bit PCM, 44100 Hz, stereo"
    assert answer.json["damaged_packets"] == 0
    (event,) = [e for e in kitchen.world.manager.get("kitchen").events_since(0)[0] if e.type == "CommandFinished"]
    assert event.data["command_id"] == answer.json["command_id"]
    assert event.data["outcome"] == "accepted"
    assert event.data["duration_s"] >= 0.1


async def test_a_broken_transfer_coding_is_400(kitchen: Api) -> None:
    head = (
        f"POST {AUDIO} HTTP/1.1\r\nHost: 127.0.0.1:{kitchen.port}\r\nAuthorization: Bearer {kitchen.token}\r\n"
        "Content-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    answer = await kitchen.raw(head.encode() + b"5\r\nRIFF0\r\nzz\r\n")
    assert answer.split(b"\r\n")[0].endswith(b"400 Bad Request"), answer[:200]
    assert b"application/problem+json" in answer
    assert kitchen.world.manager.get("kitchen").live
