"""What the agent said in a turn, after memory let go of it: cut out of the recording."""

import asyncio

import numpy as np

from tests.unit.http.conftest import Api, ApiOf, eventually

SCRIPT = {
    "greeting_audio_s": 0.0,
    "on": [{"event": "user", "match": "long", "steps": [{"say": "A long answer.", "audio_s": 0.8}]}],
    "default": {"say": "Short.", "audio_s": 0.3},
}
RATE = 16_000


async def asked(api: Api, text: str) -> None:
    session = api.world.manager.get("kitchen")
    answer = await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": text})
    assert answer.status == 200, answer.body
    await eventually(lambda: not session.conversation.playback.playing(asyncio.get_running_loop().time()))


async def test_a_turn_of_a_recorded_run_is_heard_after_memory_let_go_of_it(api_of: ApiOf) -> None:
    api = await api_of(script=SCRIPT, handlers={}, ended_sessions=1, turn_audio_s=0.001)
    run_id = (await api.session(record=True)).run_id
    for text in ("short", "a long one", "short"):
        await asked(api, text)
    await api.call("DELETE", "/v1/sessions/kitchen")
    for _ in range(2):
        turns = (await api.call("GET", f"/v1/sessions/{run_id}/turns")).json["items"]
        assert [turn["audio"] for turn in turns] == [f"/v1/sessions/{run_id}/turns/{n}/audio" for n in (1, 2, 3)]
        for turn, seconds in zip(turns, (0.3, 0.8, 0.3), strict=True):
            answer = await api.call("GET", turn["audio"])
            assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/wav")
            samples = np.frombuffer(answer.body[44:], "<i2").astype(float)
            assert abs(len(samples) / RATE - seconds) < 0.03
            assert (np.abs(samples) > 300).mean() > 0.6  # speech from beginning to end, not the silence beside it
        await api.session("hall")  # the other run goes out of memory
        await api.call("DELETE", "/v1/sessions/hall")
    assert [session.id for session in api.world.manager.list()] == ["hall"]


async def test_a_turn_that_was_not_recorded_has_no_audio_after_memory_let_go_of_it(api_of: ApiOf) -> None:
    api = await api_of(script=SCRIPT, handlers={}, turn_audio_s=0.001)
    run_id = (await api.session()).run_id
    await asked(api, "a long one")
    await asked(api, "short")
    assert (await api.call("GET", f"/v1/sessions/{run_id}/turns/1")).json["audio"] is None
    (await api.call("GET", f"/v1/sessions/{run_id}/turns/1/audio")).problem(404, "turn-not-found")
    (await api.call("GET", f"/v1/sessions/{run_id}/turns/9/audio")).problem(404, "turn-not-found")
