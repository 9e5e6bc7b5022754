"""Live agent audio over HTTP."""

import asyncio
import shutil
import struct
from typing import Any

import aiohttp
import pytest

from tests.support.sessions import drop_all
from tests.unit.http.conftest import Api, ApiOf, eventually
from tests.unit.http.test_audio import speech, wav

AUDIO = "/v1/sessions/kitchen/audio"
SECOND = 32000
"""Bytes of a second of the session's output: 16 kHz linear16."""
STORY: dict[str, Any] = {
    "greeting_audio_s": 0.0,
    "on": [{"event": "user", "match": "story", "steps": [{"say": "A long story.", "audio_s": 20.0}]}],
    "default": {"say": "I heard: {text}", "audio_s": 0.3},
}


async def say(api: Api, text: str, *, wait: str = "reply") -> None:
    assert (await api.call("POST", f"/v1/sessions/kitchen/messages?wait={wait}", json={"content": text})).status == 200


def listening(api: Api, query: str = "", **headers: str) -> Any:
    return api.http.get(api.base + AUDIO + query, headers={"Authorization": f"Bearer {api.token}"} | headers)


async def read(response: aiohttp.ClientResponse, n_bytes: int) -> bytes:
    async with asyncio.timeout(30):
        return await response.content.readexactly(n_bytes)


def loudest(pcm: bytes) -> int:
    return max(abs(int(value)) for (value,) in struct.iter_unpack("<h", pcm))


async def test_a_wav_without_an_end_begins_at_once_and_is_silent_until_the_agent_speaks(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session()
    async with listening(api) as response:
        assert response.headers["Content-Type"] == "audio/wav"
        header = await read(response, 44)
        assert header[:4] == b"RIFF"
        assert struct.unpack_from("<I", header, 40) == (0xFFFFFFFF,)
        assert loudest(await read(response, SECOND // 10)) == 0
        assert session.listeners.present
        await say(api, "hello")
        async with asyncio.timeout(30):
            while loudest(await read(response, SECOND // 50)) < 1000:
                pass
    await eventually(lambda: not session.listeners.present and api.deps.hub.subscribers["http"] == 0)
    assert (await api.call("GET", "/v1/sessions/kitchen/turns/1")).json["delivered"] is True


async def test_raw_samples_in_another_format_come_at_the_pace_of_time(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    await api.session()
    loop = asyncio.get_running_loop()
    async with listening(api, "?encoding=mulaw&sample_rate=8000", Accept="audio/pcm") as response:
        assert response.headers["Content-Type"] == "audio/pcm;encoding=mulaw;rate=8000;channels=1"
        await read(response, 160)
        began = loop.time()
        await say(api, "tell me a story", wait="accepted")  # its 20 s are sent at once
        heard = await read(response, 8000)
        assert loop.time() - began > 0.8
    assert len(set(heard)) > 10


async def test_a_barge_in_cuts_what_was_not_sent_and_the_next_reply_is_whole(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    await api.session()
    async with listening(api, "?silence=drop") as response:
        await read(response, 44)
        await say(api, "tell me a story", wait="accepted")
        heard = len(await read(response, SECOND // 5))
        await api.call("POST", "/v1/sessions/kitchen/interrupt")
        await say(api, "hello")
        await api.call("DELETE", "/v1/sessions/kitchen")
        heard += len(await response.content.read())
    assert 0.2 * SECOND < heard < 3 * SECOND  # of a story of 20 s


async def test_several_hear_the_same_across_a_renewal_and_end_with_the_session(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session()
    async with listening(api, "?silence=drop") as one, listening(api, "?silence=drop") as two:
        await read(one, 44)
        await read(two, 44)
        await say(api, "hello")
        drop_all(api.world.peer)
        await eventually(lambda: session.lifeline.renewals == 1 and session.state == "active")
        await say(api, "hello again")
        await eventually(lambda: not session.conversation.playback.playing(asyncio.get_running_loop().time()))
        await api.call("DELETE", "/v1/sessions/kitchen")
        both = [await one.content.read(), await two.content.read()]
    assert [len(heard) / SECOND for heard in both] == pytest.approx([0.6, 0.6], abs=0.05)


async def test_a_listener_that_takes_nothing_is_cut_off_and_the_session_goes_on(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={}, sse_stall_s=0.3)
    session = await api.session()
    _, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    head = f"GET {AUDIO} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nAuthorization: Bearer {api.token}\r\n\r\n"
    writer.write(head.encode())
    await eventually(lambda: session.listeners.present)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    (ear,) = session.listeners._all
    ear.player._began -= 600  # type: ignore[attr-defined]  # ten minutes of arrears, more than any socket buffers
    await eventually(lambda: not session.listeners.present, timeout_s=30)
    await say(api, "hello")
    writer.transport.abort()


async def test_who_may_not_read_words_may_not_listen_and_what_is_over_cannot_be_heard(api: Api) -> None:
    await api.session()
    (await api.call("GET", AUDIO, headers=api.auth("control"))).problem(403, "forbidden")
    (await api.call("GET", AUDIO, headers={"Accept": "image/png"})).problem(406, "not-acceptable")
    await api.call("DELETE", "/v1/sessions/kitchen")
    (await api.call("GET", AUDIO)).problem(409, "session-ended")


async def test_a_player_reads_it_from_a_pipe(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    await api.session()
    curl, ffmpeg = shutil.which("curl"), shutil.which("ffmpeg")
    assert curl
    assert ffmpeg
    command = (
        f'{curl} -sN -H "Authorization: Bearer {api.token}" {api.base}{AUDIO} | '
        f"{ffmpeg} -v error -f wav -i pipe:0 -f s16le -ar 16000 pipe:1"
    )
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    session = api.world.manager.get("kitchen")
    await eventually(lambda: session.listeners.present)
    answer = await api.call("POST", f"{AUDIO}?wait=reply", data=wav(speech()))
    assert answer.status == 200
    await eventually(lambda: not session.conversation.playback.playing(asyncio.get_running_loop().time()))
    await api.call("DELETE", "/v1/sessions/kitchen")
    async with asyncio.timeout(30):
        played, _ = await process.communicate()
    assert loudest(played) > 1000
