import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
import pytest

from agentd.sessions.state import EndReason
from tests.unit.http.conftest import Api, ApiOf, eventually

EVENTS = "/v1/sessions/kitchen/events"


@dataclass
class Stream:
    """A server-sent event stream, read block by block."""

    response: aiohttp.ClientResponse
    comments: list[str] = field(default_factory=list)

    async def event(self, timeout_s: float = 5.0) -> dict[str, Any] | None:
        """The next event with ``event``, ``id`` and ``data``; None at the end of the stream."""
        async with asyncio.timeout(timeout_s):
            fields: dict[str, Any] = {}
            while line := (await self.response.content.readline()).decode():
                line = line.rstrip("\n")
                if not line and "data" in fields:
                    return fields
                if line.startswith(":"):
                    self.comments.append(line[1:].strip())
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = orjson.loads(value) if name == "data" else value
            return None

    async def until(self, type_: str) -> dict[str, Any]:
        """Skip to the next event of a type."""
        while event := await self.event():
            if event["event"] == type_:
                return event
        raise AssertionError(f"the stream ended before {type_}")

    async def rest(self) -> list[dict[str, Any]]:
        events = []
        while event := await self.event():
            events.append(event)
        return events


@asynccontextmanager
async def stream(api: Api, path: str = EVENTS, **headers: str) -> AsyncIterator[Stream]:
    all_headers = {"Authorization": f"Bearer {api.token}", "Accept": "*/*"} | headers
    async with api.http.get(api.base + path, headers=all_headers) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/event-stream"
        yield Stream(response)


async def say(api: Api, text: str = "hello") -> None:
    assert (await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": text})).status == 200


async def test_a_stream_begins_with_a_snapshot_and_then_tells_what_happens(api: Api) -> None:
    await api.session()
    async with stream(api) as events:
        first = await events.event()
        assert first is not None
        assert first["event"] == "Snapshot"
        assert "id" not in first
        assert first["data"]["data"]["session"]["id"] == "kitchen"
        await say(api)
        seqs = []
        while True:
            event = await events.event()
            assert event is not None
            run_id, seq = event["id"].split(":")
            assert run_id == first["data"]["run_id"] == event["data"]["run_id"]
            assert int(seq) == event["data"]["seq"]
            seqs.append(int(seq))
            if event["event"] == "TurnFinished":
                break
        start = first["data"]["data"]["seq"]
        assert seqs == list(range(start + 1, start + 1 + len(seqs)))


async def test_a_reader_resumes_where_it_was_and_misses_nothing(api: Api) -> None:
    await api.session()
    async with stream(api) as events:
        await say(api, "one")
        last = await events.until("ConversationText")
    await say(api, "two")
    async with stream(api, **{"Last-Event-ID": last["id"]}) as events:
        assert (await events.event() or {})["event"] == "Snapshot"
        following = await events.event()
        assert following is not None
        assert following["data"]["seq"] == last["data"]["seq"] + 1
        await api.call("DELETE", "/v1/sessions/kitchen")
        rest = [following, *await events.rest()]
    assert "Gap" not in [event["event"] for event in rest]
    assert rest[-1]["event"] == "SessionEnded"
    seqs = [event["data"]["seq"] for event in rest]
    assert seqs == list(range(seqs[0], seqs[-1] + 1))


async def test_what_is_gone_is_told_as_a_gap(api_of: ApiOf) -> None:
    api = await api_of(event_ring=3)
    session = await api.session()
    await say(api)
    await api.world.store.writer.do(lambda connection: connection.execute("DELETE FROM events"))
    async with stream(api, **{"Last-Event-ID": f"{session.run_id}:0"}) as events:
        snapshot = await events.event()
        assert snapshot is not None
        assert snapshot["event"] == "Snapshot"
        newest = snapshot["data"]["data"]["seq"]
        gap = await events.event()
        assert gap is not None
        assert gap["event"] == "Gap"
        assert "id" not in gap
        assert gap["data"]["data"] == {"missed": newest - 3}
        assert (await events.event() or {})["data"]["seq"] == newest - 2


async def test_a_position_in_another_run_is_a_gap_of_unknown_size(api: Api) -> None:
    first = await api.session()
    await api.call("DELETE", "/v1/sessions/kitchen")
    await api.session()
    async with stream(api, **{"Last-Event-ID": f"{first.run_id}:2"}) as events:
        await events.event()
        gap = await events.event()
        assert gap is not None
        assert (gap["event"], gap["data"]["data"]) == ("Gap", {"missed": None})
        assert (await events.event() or {})["data"]["seq"] == 1


async def test_the_stream_ends_with_its_session_and_an_ended_one_is_still_told(api: Api) -> None:
    session = await api.session()
    async with stream(api) as events:
        session.stop(EndReason.STOPPED)
        assert (await events.rest())[-1]["event"] == "SessionEnded"
    async with stream(api, **{"Last-Event-ID": f"{session.run_id}:0"}) as events:
        told = await events.rest()
    assert told[0]["event"] == "Snapshot"
    assert told[0]["data"]["data"]["session"]["state"] == "ended"
    assert told[-1]["event"] == "SessionEnded"


async def test_without_scope_transcripts_events_come_without_words(api: Api) -> None:
    await api.session()
    async with stream(api, **api.auth("read")) as events:
        await say(api, "the secret lamp")
        await api.call("DELETE", "/v1/sessions/kitchen")
        told = await events.rest()
    types = {event["event"] for event in told}
    assert {"ConversationText", "FunctionCallStarted", "FunctionCallFinished", "TurnFinished"} <= types
    text = orjson.dumps([event["data"] for event in told]).decode()
    for word in ("secret", "lamp", "living", "Done.", "test."):
        assert word not in text, text
    assert "set_light" in text
    assert told[-1]["data"]["data"]["usage"]["function_calls"] == 1


async def test_events_can_be_filtered_by_type(api: Api) -> None:
    await api.session()
    async with stream(api, f"{EVENTS}?types=TurnFinished") as events:
        await say(api)
        await api.call("DELETE", "/v1/sessions/kitchen")
        assert [event["event"] for event in await events.rest()] == ["Snapshot", "TurnFinished", "SessionEnded"]


async def test_a_quiet_stream_is_kept_alive(api_of: ApiOf) -> None:
    api = await api_of(sse_ping_s=0.1)
    session = await api.session()
    async with stream(api) as events:
        await events.event()
        async with asyncio.timeout(30):
            while not events.comments:
                line = (await events.response.content.readline()).decode()
                if line.startswith(":"):
                    events.comments.append(line[1:].strip())
        session.stop(EndReason.STOPPED)
        await events.rest()
    assert events.comments[0] == "ping"


async def test_a_reader_that_leaves_is_noticed(api_of: ApiOf) -> None:
    api = await api_of(sse_ping_s=0.1)
    await api.session()
    async with stream(api) as events:
        await events.event()
        assert api.deps.hub.subscribers["sse"] == 1
        events.response.close()
    await eventually(lambda: api.deps.hub.subscribers["sse"] == 0)


async def test_a_reader_too_slow_is_cut_off_and_others_are_not(api_of: ApiOf) -> None:
    api = await api_of(subscriber_queue=20)
    session = await api.session()
    async with stream(api) as events:
        await events.event()
        for i in range(30):  # in one go: the writer has no turn in between
            session.conversation.publish("DeadAir", {"n": i})
        await events.rest()
        assert any("cut off" in comment for comment in events.comments)
    assert api.deps.hub.drops["sse", "control"] == 1
    assert session.live


async def test_streams_are_capped_and_the_rest_still_works(api_of: ApiOf) -> None:
    api = await api_of(sse_clients=1)
    await api.session()
    async with stream(api) as events:
        await events.event()
        answer = await api.call("GET", EVENTS)
        answer.problem(429, "too-many-requests")
        assert "Retry-After" in answer.headers
        assert (await api.call("GET", "/v1/sessions")).status == 200


async def test_a_poll_answers_what_there_is_and_where_to_go_on(api: Api) -> None:
    session = await api.session()
    first = (await api.call("GET", f"{EVENTS}?limit=1")).json
    assert [event["seq"] for event in first["items"]] == [1]
    assert first["missed"] == 0
    assert first["next"] == f"{session.run_id}:1"
    rest = (await api.call("GET", f"{EVENTS}?after={first['next']}")).json
    assert rest["items"][0]["seq"] == 2
    nothing = (await api.call("GET", f"{EVENTS}?after={rest['next']}")).json
    assert nothing == {"items": [], "missed": 0, "next": rest["next"]}


async def test_a_poll_waits_for_the_next_event(api: Api) -> None:
    session = await api.session()
    position = f"{session.run_id}:{session.conversation.journal.seq}"
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(api.call("GET", f"{EVENTS}?after={position}&wait_s=5&types=TurnFinished"))
        await eventually(lambda: api.deps.hub.subscribers["poll"] == 1)
        await say(api)
    assert [event["type"] for event in waiting.result().json["items"]] == ["TurnFinished"]
    assert api.deps.hub.subscribers["poll"] == 0


@pytest.mark.parametrize("position", ["x", "-1", "nobody:1", "1:2:3", "9" * 30])
async def test_positions_that_are_none_are_refused(api: Api, position: str) -> None:
    await api.session()
    (await api.call("GET", f"{EVENTS}?after={position}")).problem(422, "invalid-request")
    (await api.call("GET", EVENTS, headers={"Last-Event-ID": position})).problem(422, "invalid-request")
    assert api.deps.hub.subscribers["sse"] == api.deps.hub.subscribers["poll"] == 0


async def test_all_sessions_can_be_followed_by_the_daemon_wide_number(api: Api) -> None:
    await api.session()
    async with stream(api, "/v1/events") as events:
        snapshot = await events.event()
        assert snapshot is not None
        assert [session["id"] for session in snapshot["data"]["data"]["sessions"]] == ["kitchen"]
        await api.session("hall")
        seen = await events.until("SettingsApplied")
        assert seen["data"]["session_id"] == "hall"
        assert int(seen["id"]) == seen["data"]["g"]
    everything = (await api.call("GET", "/v1/events?after=0")).json
    assert [event["g"] for event in everything["items"]] == list(range(1, len(everything["items"]) + 1))
    assert {event["session_id"] for event in everything["items"]} == {"kitchen", "hall"}
    async with stream(api, "/v1/events", **{"Last-Event-ID": seen["id"]}) as events:
        await events.event()
        assert (await events.event() or {})["id"] == str(int(seen["id"]) + 1)


async def test_a_daemon_wide_number_from_before_a_restart_is_a_gap(api: Api) -> None:
    await api.session()
    async with stream(api, "/v1/events", **{"Last-Event-ID": "999999"}) as events:
        await events.event()
        gap = await events.event()
        assert gap is not None
        assert (gap["event"], gap["data"]["data"]) == ("Gap", {"missed": None})


async def test_raw_shows_latency_reports_as_they_came_unnumbered(api: Api) -> None:
    session = await api.session()
    async with stream(api, EVENTS + "?raw=true") as raw, stream(api) as plain, stream(api, "/v1/events?raw") as every:
        for one in (raw, plain, every):
            await one.event()
        (link,) = api.world.peer.connections
        link.line.send_unchecked('{"type": "LatencyReport", "total_latency": 0.4}')
        shown = await raw.until("LatencyReport")
        assert shown["data"]["data"] == {"total_latency": 0.4}
        assert not {"id", "seq", "g"} & (set(shown) | set(shown["data"]))
        assert "id" not in await every.until("LatencyReport")
        await say(api)
        session.stop(EndReason.STOPPED)
        assert "LatencyReport" not in [event["event"] for event in await plain.rest()]
    assert "LatencyReport" not in [event.type for event in session.events_since(0)[0]]


async def test_a_reader_that_starves_harms_nobody_else(api_of: ApiOf) -> None:
    api = await api_of(sse_stall_s=1.0, subscriber_queue=50)
    session = await api.session()
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    head = f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nAuthorization: Bearer {api.token}\r\n\r\n"
    writer.write(head.encode())
    await reader.readline()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    async with stream(api) as events:
        await events.event()
        for _ in range(150):  # what no socket buffers; the other reader takes each as it comes
            session.conversation.publish("DeadAir", {"text": "x" * 50_000})
            assert (await events.until("DeadAir"))["event"] == "DeadAir"
        await eventually(lambda: api.deps.hub.subscribers["sse"] == 1)
        await say(api)
        await events.until("TurnFinished")
    assert api.deps.hub.drops["sse", "control"] <= 1
    writer.transport.abort()


async def test_a_user_who_waits_for_a_silent_agent_is_told_of(api_of: ApiOf) -> None:
    api = await api_of(script={"greeting_audio_s": 0.0, "default": [{"wait_s": 30}]}, dead_air_s=0.3)
    await api.session()
    async with stream(api, EVENTS + "?types=DeadAir") as events:
        await api.call("POST", "/v1/sessions/kitchen/messages", json={"content": "hello"})
        told = await events.until("DeadAir")
    assert told["data"]["data"]["turn"] == 1
    assert told["data"]["data"]["stage"] == "think"
    assert told["data"]["data"]["waited_s"] >= 0.3
    assert api.world.registry.get_sample_value("agentd_dead_air_total", {"stage": "think"}) == 1


async def test_events_of_all_sessions_can_be_those_of_some(api: Api) -> None:
    await api.session(metadata={"floor": "ground"})
    await api.session("hall", metadata={"floor": "upper"})
    queries = (
        "session=kitchen,cellar",
        "metadata.floor=ground",
        "agent=test&session=kitchen",
        "metadata.floor=cellar",
        "agent=other",
    )
    told = []
    for query in queries:
        answer = await api.call("GET", f"/v1/events?limit=100&{query}")
        told.append({event["session_id"] for event in answer.json["items"]})
    assert told == [{"kitchen"}, {"kitchen"}, {"kitchen"}, set(), set()]
    async with stream(api, "/v1/events?metadata.floor=upper") as events:
        first = await events.event() or {}
        assert [session["id"] for session in first["data"]["data"]["sessions"]] == ["hall"]
        await say(api)
        await api.call("DELETE", "/v1/sessions/hall")
        event = await events.until("SessionEnded")
    assert event["data"]["session_id"] == "hall"
