"""Sessions that are recorded, and their recordings over HTTP."""

import asyncio
import io
import os
import wave
from typing import Any

import numpy as np
import pytest

from agentd.errors import RangeNotSatisfiable
from agentd.http.recording import wanted_range
from agentd.sessions.session import Session
from agentd.sessions.tape import Tape
from tests.unit.http.conftest import Api, ApiOf, eventually
from tests.unit.http.test_audio import speech, wav

RECORDING = "/v1/sessions/kitchen/recording"
RATE = 16000
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}
STORY: dict[str, Any] = {
    "greeting_audio_s": 0.0,
    "on": [
        {"event": "user", "match": "story", "steps": [{"say": "A long story.", "audio_s": 20.0}]},
        {"event": "user", "match": "lamp", "hears": "turn on the lamp", "steps": [{"say": "Done.", "audio_s": 0.5}]},
    ],
    "default": {"say": "I heard: {text}", "audio_s": 0.5},
}


def sides(body: bytes) -> Any:
    """Samples by side: column 0 the user, column 1 the agent."""
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        return np.frombuffer(file.readframes(10**9), "<i2").reshape(-1, 2)


def span(side: Any) -> tuple[float, float]:
    """When the first and the last loud sample of one side are, in seconds."""
    loud = np.flatnonzero(np.abs(side) > 500)
    return loud[0] / RATE, (loud[-1] + 1) / RATE


async def talked(api: Api, session: Session) -> None:
    """A spoken question, answered and heard to its end."""
    answer = await api.call("POST", "/v1/sessions/kitchen/audio?wait=reply", data=wav(speech()))
    assert answer.status == 200, answer.body
    await eventually(lambda: not session.conversation.playback.playing(asyncio.get_running_loop().time()))


async def test_both_sides_are_on_one_timeline_as_they_were_heard(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session(record=True)
    await talked(api, session)
    assert (await api.call("DELETE", "/v1/sessions/kitchen")).json["links"]["recording"] == RECORDING
    answer = await api.call("GET", RECORDING)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/wav")
    assert answer.headers["Recording-Started-At"].startswith("20")
    both = sides(answer.body)
    asked, answered = span(both[:, 0]), span(both[:, 1])
    assert asked[1] - asked[0] == pytest.approx(0.4, abs=0.03)
    assert answered[1] - answered[0] == pytest.approx(0.5, abs=0.03)
    assert answered[0] > asked[1] + 0.15  # the silence by which the end of speech is noticed
    ended = (session.ended_at or 0.0) - session.started_at
    assert len(both) / RATE == pytest.approx(ended, abs=0.5)


async def test_what_a_barge_in_cut_is_not_in_it(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session(record=True)
    await api.call("POST", "/v1/sessions/kitchen/messages", json={"content": "tell me a story"})
    await eventually(lambda: session.conversation.playback.playing(asyncio.get_running_loop().time()))
    await talked(api, session)  # the story is 20 s
    await api.call("DELETE", "/v1/sessions/kitchen")
    both = sides((await api.call("GET", RECORDING)).body)
    assert len(both) / RATE < 5
    first, last = span(both[:, 1])
    silent = np.abs(both[:, 1]) <= 500
    assert silent[int(first * RATE) : int(last * RATE)].sum() / RATE > 0.2  # between the story's end and the answer


async def test_while_the_session_goes_on_there_is_what_there_is_so_far(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session(record=True)
    await talked(api, session)
    lengths: list[int] = []
    for _ in range(2):
        size = int((await api.call("HEAD", RECORDING)).headers.get("Content-Length", "0"))
        await eventually(lambda: _written(api, session) > (lengths[-1] if lengths else 10000), timeout_s=30)
        answer = await api.call("GET", RECORDING)
        sides(answer.body)
        lengths.append(_written(api, session))
        assert len(answer.body) >= size
    assert lengths[1] > lengths[0]


def _written(api: Api, session: Session) -> int:
    path = api.world.store.recordings.find(session.run_id)
    return path.stat().st_size if path is not None else 0


async def test_ranges_are_pieces_of_the_whole(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session(record=True)
    await talked(api, session)
    await api.call("DELETE", "/v1/sessions/kitchen")
    whole = await api.call("GET", RECORDING)
    total, tag = len(whole.body), whole.headers["ETag"]
    assert whole.headers["Accept-Ranges"] == "bytes"
    for wanted, first, last in (("0-43", 0, 43), ("40-99", 40, 99), ("12345-23456", 12345, 23456), ("-5", total - 5, total - 1)):
        answer = await api.call("GET", RECORDING, headers={"Range": f"bytes={wanted}"})
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{total}"
        assert answer.body == whole.body[first : last + 1]
    answer = await api.call("GET", RECORDING, headers={"Range": "bytes=100-", "If-Range": tag})
    assert (answer.status, answer.body) == (206, whole.body[100:])
    answer = await api.call("GET", RECORDING, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (answer.status, answer.body) == (200, whole.body)
    beyond = await api.call("GET", RECORDING, headers={"Range": f"bytes={total}-"})
    beyond.problem(416, "range-not-satisfiable")
    assert beyond.headers["Content-Range"] == f"bytes */{total}"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, 100)),
        ("bytes=-500", (0, 100)),
        ("BYTES=1-2", None),
        ("bytes=0-1,5-6", None),
        ("bytes=9-3", None),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_a_range_header_is_understood_or_ignored(header: str | None, wanted: tuple[int, int] | None) -> None:
    assert wanted_range(header, 100) == wanted


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0"])
def test_a_range_behind_the_end_is_none(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        wanted_range(header, 100)


async def test_who_may_not_read_words_gets_none_and_what_was_not_recorded_is_not_there(api: Api) -> None:
    await api.session()
    (await api.call("GET", RECORDING, headers=api.auth("control"))).problem(403, "forbidden")
    (await api.call("GET", RECORDING)).problem(404, "recording-not-found")
    assert "recording" not in (await api.call("GET", "/v1/sessions/kitchen")).json["links"]


async def test_the_configuration_decides_where_the_start_does_not(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, store_keys={"record_audio": True})
    assert (await api.session("one")).tape is not None
    await api.call("POST", "/v1/sessions", json={"id": "two", "record": False})
    assert api.world.manager.get("two").tape is None
    listeners = api.world.manager.get("one").listeners
    assert not listeners.present


@pytest.mark.parametrize(
    ("store", "reason"),
    [({"recording_free_bytes": 2**62}, "disk-full"), ({"recording_bytes_per_day": 1}, "daily-limit")],
)
async def test_without_room_nothing_is_recorded_and_the_session_goes_on(api_of: ApiOf, store: Any, reason: str) -> None:
    api = await api_of(script=STORY, handlers={}, store_keys=store)
    session = await api.session(record=True)
    await eventually(lambda: session.tape is not None and session.tape.stopped == reason, timeout_s=30)
    assert api.world.registry.get_sample_value("agentd_recording_stops_total", {"reason": reason}) == 1
    events = (await api.call("GET", "/v1/sessions/kitchen/events?types=RecordingStopped&limit=5")).json["items"]
    assert [event["data"] for event in events] == [{"reason": reason}]
    await talked(api, session)


async def test_a_disk_that_becomes_full_ends_the_recording_and_leaves_what_was_written(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session(record=True)
    tape = session.tape
    assert tape is not None
    await talked(api, session)
    await eventually(lambda: _written(api, session) > 10_000, timeout_s=30)
    writer = tape._writer
    assert writer is not None
    writer._file.close()
    writer._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0)
    await eventually(lambda: tape.stopped == "disk-full", timeout_s=30)
    await eventually(lambda: writer._file.closed)
    await talked(api, session)
    assert len(sides((await api.call("GET", RECORDING)).body)) > RATE // 2


async def test_a_purge_erases_the_recording(api_of: ApiOf) -> None:
    api = await api_of(script=STORY, handlers={})
    session = await api.session(record=True)
    await talked(api, session)
    await api.call("DELETE", "/v1/sessions/kitchen?purge=true")
    assert _written(api, session) == 0
    (await api.call("GET", RECORDING)).problem(404, "session-not-found")


async def test_audio_that_only_passes_through_is_neither_recorded_nor_heard(api_of: ApiOf) -> None:
    api = await api_of(handlers={})
    session = await api.session()
    document = {
        "audio": {"input": {"encoding": "opus", "sample_rate": 48000}, "output": {"encoding": "mp3", "sample_rate": 48000}}
    }
    session.conversation.adopt(document)  # as from a client whose upstream takes more than ours
    tape = Tape(session.conversation, api.world.tapes, session.run_id)
    tape.start()
    await tape.close()
    assert tape.stopped == "encoding"
    assert _written(api, session) == 0
    for path in ("/stream?audio=in", "/stream?audio=out", "/audio"):
        (await api.call("GET", f"/v1/sessions/kitchen{path}", headers=UPGRADE)).problem(409, "conflict")
