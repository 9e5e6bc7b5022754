import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import orjson

from tests.support.sessions import world
from tests.unit.http.conftest import HANDLERS, SCRIPT, Api, ApiOf


def opened(body: bytes) -> dict[str, bytes]:
    """The files of a bundle, each held against the manifest."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    listed = {file["name"]: file for file in orjson.loads(files["manifest.json"])["files"]}
    assert set(listed) == set(files) - {"manifest.json"}
    for name, file in listed.items():
        assert (file["bytes"], file["sha256"]) == (len(files[name]), hashlib.sha256(files[name]).hexdigest())
    return files


def lines(data: bytes) -> list[Any]:
    return [orjson.loads(line) for line in data.splitlines()]


async def test_a_live_run_is_exported_up_to_now(api: Api) -> None:
    session = await api.session(settings={"agent": {"think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}}}})
    await session.inject_user("turn on the lamp", wait="reply")
    answer = await api.call("GET", "/v1/sessions/kitchen/export")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="kitchen-{session.run_id}.zip"'
    files = opened(answer.body)
    assert orjson.loads(files["session.json"])["state"] == "active"
    assert b"User: turn on the lamp" in files["transcript.txt"]
    assert lines(files["calls.jsonl"])[0]["name"] == "set_light"
    assert files["latencies.csv"].splitlines()[0].startswith(b"turn,cause,outcome,endpointing_s")
    events = lines(files["events.jsonl"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert files["turns/1.wav"][:4] == b"RIFF"
    manifest = orjson.loads(files["manifest.json"])
    assert (manifest["format"], manifest["id"], manifest["run_id"]) == ("agentd-run", "kitchen", session.run_id)


async def test_a_past_run_is_exported_with_its_recording_and_without_secrets(tmp_path: Path, api_of: ApiOf) -> None:
    secret = "sk-do-not-tell"
    voice = {"type": "open_ai", "model": "tts-1", "voice": "alloy"}
    speak = {"provider": voice, "endpoint": {"url": "https://a.example/v1", "headers": {"x": secret}}}
    async with world(tmp_path, SCRIPT, handlers=HANDLERS, agent={"settings": {"agent": {"speak": speak}}}) as earlier:
        session = await earlier.session(id="kitchen")
        await session.inject_user("turn on the lamp", wait="reply")
    recording = tmp_path / "state" / "recordings" / f"{session.run_id}.flac"
    recording.parent.mkdir(exist_ok=True)
    recording.write_bytes(b"sound" * 100_000)
    api = await api_of()
    files = opened((await api.call("GET", f"/v1/sessions/{session.run_id}/export")).body)
    assert files["recording.flac"] == recording.read_bytes()
    assert orjson.loads(files["settings.json"])["agent"]["speak"]["endpoint"]["headers"] == {"x": "***"}
    assert secret.encode() not in b"".join(files.values())
    assert [turn["heard"] for turn in lines(files["turns.jsonl"])] == ["turn on the lamp"]
    assert lines(files["events.jsonl"])[-1]["type"] == "SessionEnded"
    (await api.call("GET", "/v1/sessions/kitchen/export", headers=api.auth("read"))).problem(403, "forbidden")
    (await api.call("GET", "/v1/sessions/nobody/export")).problem(404, "session-not-found")
