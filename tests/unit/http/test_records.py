import io
import wave

import pytest

from tests.unit.http.conftest import Api


@pytest.fixture
async def kitchen(api: Api) -> Api:
    """A session in which something was said."""
    await api.session()
    for text in ("the lamp", "thanks <b>"):
        assert (await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": text})).status == 200
    return api


async def test_the_transcript_comes_as_json(kitchen: Api) -> None:
    lines = (await kitchen.call("GET", "/v1/sessions/kitchen/transcript")).json["items"]
    assert [(line["turn"], line["role"], line["text"]) for line in lines] == [
        (1, "user", "the lamp"),
        (1, "assistant", "Done. The lamp in the living room is on."),
        (2, "user", "thanks <b>"),
        (2, "assistant", "I heard: thanks <b>"),
    ]


async def test_the_transcript_comes_as_text(kitchen: Api) -> None:
    answer = await kitchen.call("GET", "/v1/sessions/kitchen/transcript", headers={"Accept": "text/plain"})
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body.decode().splitlines()[:2] == ["User: the lamp", "Agent: Done. The lamp in the living room is on."]


async def test_the_transcript_comes_as_captions_in_order(kitchen: Api) -> None:
    answer = await kitchen.call("GET", "/v1/sessions/kitchen/transcript", headers={"Accept": "text/vtt"})
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    blocks = answer.body.decode().strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert len(blocks) == 5
    times = [block.split("\n")[0].split(" --> ") for block in blocks[1:]]
    assert all(start < end for start, end in times)
    assert [start for start, _ in times] == sorted(start for start, _ in times)
    assert blocks[3].split("\n")[1] == "<v User>thanks &lt;b&gt;"


async def test_the_transcript_is_words(kitchen: Api) -> None:
    (await kitchen.call("GET", "/v1/sessions/kitchen/transcript", headers=kitchen.auth("read", "control"))).problem(
        403, "forbidden"
    )


async def test_turns_and_calls_are_listed_paged_and_without_words_where_the_token_has_none(kitchen: Api) -> None:
    turns = (await kitchen.call("GET", "/v1/sessions/kitchen/turns?limit=1")).json
    assert [turn["n"] for turn in turns["items"]] == [1]
    more = (await kitchen.call("GET", f"/v1/sessions/kitchen/turns?cursor={turns['next']}")).json
    assert [turn["n"] for turn in more["items"]] == [2]
    assert more["next"] is None
    calls = (await kitchen.call("GET", "/v1/sessions/kitchen/calls")).json["items"]
    assert [(call["turn"], call["name"], call["arguments"]) for call in calls] == [(1, "set_light", {"room": "living room"})]
    call = f"calls/{calls[0]['call_id']}"
    assert (await kitchen.call("GET", f"/v1/sessions/kitchen/{call}")).json == calls[0]
    (await kitchen.call("GET", "/v1/sessions/kitchen/calls/nothing")).problem(404, "call-not-found")
    bare = kitchen.auth("read")
    for path in ("turns", "turns/1", "calls", call, ""):
        answer = await kitchen.call("GET", f"/v1/sessions/kitchen/{path}".rstrip("/"), headers=bare)
        assert answer.status == 200
        for word in (b"lamp", b"living", b"thanks"):
            assert word not in answer.body


async def test_one_turn_is_shown_with_latencies_that_add_up(kitchen: Api) -> None:
    turn = (await kitchen.call("GET", "/v1/sessions/kitchen/turns/1")).json
    assert turn["heard"] == "the lamp"
    latency = turn["latency"]
    parts = sum(latency[name] or 0 for name in latency if name not in ("total_s", "basis"))
    assert parts == pytest.approx(latency["total_s"], abs=0.005)


async def test_a_turns_sound_is_a_wav(kitchen: Api) -> None:
    answer = await kitchen.call("GET", "/v1/sessions/kitchen/turns/1/audio")
    assert answer.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.body)) as sound:
        assert sound.getnframes() > 1000
    (await kitchen.call("GET", "/v1/sessions/kitchen/turns/1/audio", headers=kitchen.auth("read"))).problem(403, "forbidden")


@pytest.mark.parametrize("n", ["3", "0", "-1", "x", "1e3", "9" * 20, "%D9%A1"])
async def test_turns_that_are_not_there_are_404(kitchen: Api, n: str) -> None:
    (await kitchen.call("GET", f"/v1/sessions/kitchen/turns/{n}")).problem(404, "turn-not-found")
