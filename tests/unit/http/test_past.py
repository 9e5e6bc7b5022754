"""What is read of runs that memory has let go of: the same answers as before, from the store."""

from pathlib import Path

import orjson
import pytest

from tests.support.sessions import world
from tests.unit.http.conftest import HANDLERS, SCRIPT, Api, ApiOf

RECORDS = ("", "/turns", "/turns/1", "/transcript", "/calls", "/events?after=0")


async def talk(api: Api, id_: str = "kitchen", text: str = "turn on the lamp") -> None:
    """One session with one turn, ended."""
    await api.call("PUT", f"/v1/sessions/{id_}", json={"metadata": {"room": id_}})
    answer = await api.call("POST", f"/v1/sessions/{id_}/messages?wait=reply", json={"role": "user", "content": text})
    assert answer.status == 200, answer.body
    await api.call("DELETE", f"/v1/sessions/{id_}")


@pytest.mark.parametrize("scopes", [("read",), ("read", "transcripts")])
async def test_a_run_reads_the_same_after_memory_let_go_of_it(api_of: ApiOf, scopes: tuple[str, ...]) -> None:
    api = await api_of(ended_sessions=1, turn_audio_s=0.001)
    await talk(api)
    run_id = (await api.call("GET", "/v1/sessions/kitchen")).json["run_id"]
    headers = api.auth(*scopes)
    paths = [path for path in RECORDS if "transcripts" in scopes or path != "/transcript"]
    before = [(await api.call("GET", f"/v1/sessions/{run_id}{path}", headers=headers)).json for path in paths]
    await talk(api, "hall")
    assert [session.id for session in api.world.manager.list()] == ["hall"]
    after = [(await api.call("GET", f"/v1/sessions/{run_id}{path}", headers=headers)).json for path in paths]
    for path, kept, stored in zip(paths, before, after, strict=True):
        assert stored == kept, path
    assert (await api.call("GET", "/v1/sessions/kitchen", headers=headers)).json == before[0]
    if "transcripts" in scopes:
        plain = await api.call("GET", "/v1/sessions/kitchen/transcript", headers=headers | {"Accept": "text/plain"})
        assert plain.body.decode().startswith("User: turn on the lamp\nAgent: Done.")
    else:
        assert b"lamp" not in b"".join(orjson.dumps(answer) for answer in after[:4])


async def test_runs_are_read_after_a_restart_and_listed_before_older_ones(tmp_path: Path, api_of: ApiOf) -> None:
    async with world(tmp_path, SCRIPT, handlers=HANDLERS) as earlier:
        for id_ in ("one", "two"):
            session = await earlier.session(id=id_, metadata={"room": id_})
            await session.inject_user("turn on the lamp", wait="reply")
    api = await api_of()
    await talk(api, "three")
    await api.call("PUT", "/v1/sessions/four")
    items = (await api.call("GET", "/v1/sessions")).json["items"]
    assert [item["id"] for item in items] == ["four", "three", "two", "one"]
    assert [item["state"] for item in items] == ["active", "ended", "ended", "ended"]
    assert items[3]["end_reason"] == "daemon_shutdown"
    assert items[3]["usage"]["turns"] == 1
    assert [i["id"] for i in (await api.call("GET", "/v1/sessions?metadata.room=one")).json["items"]] == ["one"]
    assert (await api.call("GET", "/v1/sessions?state=active")).json["items"][0]["id"] == "four"
    assert (await api.call("GET", "/v1/sessions?agent=passthrough")).json["items"] == []
    assert (await api.call("GET", "/v1/sessions/one/turns/1")).json["heard"] == "turn on the lamp"
    (await api.call("GET", "/v1/sessions/one/turns/9")).problem(404, "turn-not-found")
    (await api.call("POST", "/v1/sessions/one/messages", json={"role": "user", "content": "x"})).problem(404, "session-not-found")


async def test_the_list_pages_through_memory_and_store_without_a_hole_or_a_double(api_of: ApiOf) -> None:
    api = await api_of(ended_sessions=2)
    for i in range(7):
        await api.call("PUT", f"/v1/sessions/s{i}")
        if i < 6:
            await api.call("DELETE", f"/v1/sessions/s{i}")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.call("GET", f"/v1/sessions?limit=2{cursor and '&cursor=' + cursor}")).json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [f"s{i}" for i in range(6, -1, -1)]


async def test_words_leave_memory_when_they_leave_the_disk(api: Api) -> None:
    await talk(api, "one")
    await talk(api, "two")
    two = api.world.manager.get("two")
    api.world.manager.shelf.forget(ended_before=two.ended_at or 0.0)
    assert [session.id for session in api.world.manager.list()] == ["two"]
    assert (await api.call("GET", "/v1/sessions/one")).json["state"] == "ended"


async def test_a_stopped_past_run_stays_as_it_is(api_of: ApiOf) -> None:
    api = await api_of(ended_sessions=1)
    await talk(api, "one")
    await talk(api, "two")
    stopped = await api.call("DELETE", "/v1/sessions/one")
    assert (stopped.status, stopped.json["end_reason"]) == (200, "stopped")


async def test_turns_and_events_that_memory_let_go_of_come_from_the_store(api_of: ApiOf) -> None:
    api = await api_of(turns_kept=50, event_ring=10)
    session = await api.session()
    for i in range(55):
        await session.inject_user(f"number {i}", wait="reply")
    await api.world.store.flushed()
    turns = (await api.call("GET", "/v1/sessions/kitchen/turns")).json["items"]
    assert [turn["heard"] for turn in turns] == [f"number {i}" for i in range(55)]
    assert (await api.call("GET", "/v1/sessions/kitchen/turns/1")).json["heard"] == "number 0"
    polled = (await api.call("GET", "/v1/sessions/kitchen/events?after=0")).json
    assert polled["missed"] == 0
    assert [event["seq"] for event in polled["items"]] == list(range(1, len(polled["items"]) + 1))
    assert len(polled["items"]) > 55 * 3
    headers = {"Authorization": f"Bearer {api.token}", "Last-Event-ID": f"{session.run_id}:3"}
    async with api.http.get(f"{api.base}/v1/sessions/kitchen/events", headers=headers) as stream:
        ids = []
        async for line in stream.content:
            if line.startswith(b"id: "):
                ids.append(int(line.rpartition(b":")[2]))
            if ids and ids[-1] == polled["items"][-1]["seq"]:
                break
            assert b"Gap" not in line
    assert ids == list(range(4, polled["items"][-1]["seq"] + 1))
