import asyncio
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from agentd.hub import Envelope, Hub, wordless


def envelope(hub: Hub, run_id: str = "R", type_: str = "Warning", **data: Any) -> Envelope:
    return Envelope(
        seq=1, g=hub.next_g(), session_id="kitchen", run_id=run_id, time="2026-11-24T00:00:00.000Z", type=type_, data=data
    )


async def test_readers_get_what_is_published_in_order_and_only_their_run() -> None:
    hub = Hub()
    mine = hub.subscribe(run_id="R", max_items=10, max_bytes=10_000)
    everything = hub.subscribe(max_items=10, max_bytes=10_000)
    events = [envelope(hub, "R", n=1), envelope(hub, "other"), envelope(hub, "R", n=2)]
    for event in events:
        hub.publish(event)
    assert [await mine.get(), await mine.get()] == [events[0], events[2]]
    assert [await everything.get() for _ in events] == events
    assert len(mine) == len(everything) == 0


async def test_a_reader_waits_for_the_next_event() -> None:
    hub = Hub()
    mailbox = hub.subscribe(max_items=1, max_bytes=1000)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(mailbox.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.publish(event := envelope(hub))
    assert waiting.result() is event


async def test_a_slow_reader_is_cut_off_and_others_are_not() -> None:
    hub = Hub()
    slow = hub.subscribe(max_items=2, max_bytes=10_000)
    quick = hub.subscribe(max_items=10, max_bytes=10_000)
    for _ in range(5):
        hub.publish(envelope(hub))
    assert slow.overflowed
    assert await slow.get() is None
    assert not quick.overflowed
    assert len(quick) == 5
    assert hub.subscribers["sse"] == 1
    assert hub.drops["sse", "control"] == 1


async def test_bytes_count_too() -> None:
    hub = Hub()
    mailbox = hub.subscribe(max_items=1000, max_bytes=500)
    hub.publish(envelope(hub, description="x" * 600))
    assert mailbox.overflowed


async def test_a_reader_that_keeps_up_is_never_cut_off() -> None:
    hub = Hub()
    mailbox = hub.subscribe(max_items=2, max_bytes=1000)
    for i in range(200):
        hub.publish(envelope(hub, n=i))
        assert (await mailbox.get()) is not None
    assert not mailbox.overflowed


async def test_types_are_filtered_before_they_take_room() -> None:
    hub = Hub()
    mailbox = hub.subscribe(types=frozenset({"Welcome"}), max_items=1, max_bytes=1000)
    for _ in range(10):
        hub.publish(envelope(hub))
    hub.publish(wanted := envelope(hub, type_="Welcome"))
    assert await mailbox.get() is wanted


async def test_closing_gives_every_reader_what_waits_and_then_the_end() -> None:
    hub = Hub()
    mailbox = hub.subscribe(max_items=5, max_bytes=1000)
    hub.publish(event := envelope(hub))
    hub.close()
    assert [await mailbox.get(), await mailbox.get()] == [event, None]
    assert hub.subscribers["sse"] == 0
    late = hub.subscribe(max_items=5, max_bytes=1000)
    assert await late.get() is None


async def test_leaving_twice_counts_once() -> None:
    hub = Hub()
    mailbox = hub.subscribe(max_items=5, max_bytes=1000, transport="ws")
    hub.unsubscribe(mailbox)
    hub.unsubscribe(mailbox)
    assert hub.subscribers["ws"] == 0


def test_words_are_left_out_and_the_rest_stays() -> None:
    hub = Hub()
    event = envelope(
        hub,
        type_="TurnFinished",
        n=3,
        heard="turn on the lamp",
        said="Done.",
        calls=[{"call_id": "c1", "name": "set_light", "arguments": {"level": 3}, "outcome": "ok", "result": "on"}],
        latency={"total_s": 0.5, "basis": "upstream"},
    )
    assert event.words
    assert orjson.loads(event.json(words=False))["data"] == {
        "n": 3,
        "calls": [{"call_id": "c1", "name": "set_light", "outcome": "ok"}],
        "latency": {"total_s": 0.5, "basis": "upstream"},
    }
    assert orjson.loads(event.json())["data"]["heard"] == "turn on the lamp"


def test_of_an_unknown_type_nothing_is_shown_without_words() -> None:
    event = envelope(Hub(), type_="BrandNew", id="x", n=1)
    assert event.words
    assert orjson.loads(event.json(words=False))["data"] == {}


def test_an_event_without_words_says_so() -> None:
    assert not envelope(Hub(), type_="SessionStateChanged", state="active", activity="idle").words


_SPOKEN = st.just("SPOKEN")
_KEYS = st.sampled_from(["heard", "said", "content", "arguments", "result", "text", "prompt", "note", "description", "x"])
_TREES = st.recursive(
    _SPOKEN | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
)


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
def test_no_text_gets_past_however_it_is_nested(data: dict[str, Any]) -> None:
    assert b"SPOKEN" not in orjson.dumps(wordless(data))
