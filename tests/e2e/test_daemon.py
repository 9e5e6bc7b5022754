"""The daemon as a user runs it: a process with the embedded engine, recorded speech, HTTP, signals and faults."""

import asyncio
import io
import os
import shutil
import signal
import socket
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import orjson
import pytest
import pytest_asyncio

from agentd.audio.formats import AudioFormat, from_samples, to_samples
from agentd.audio.resample import Converter
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.speak.hibari import HibariVoice
from tests.support.daemon import PATIENT, ROOT, DaemonProcess, daemon_process

QUESTION = (ROOT / "agentd/demo/question.wav").read_bytes()
SPEECH = ROOT / "tests/data/speech"

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    """One daemon for the tests that leave it as it was."""
    async with daemon_process(tmp_path_factory.mktemp("daemon"), "") as daemon:
        yield daemon


@pytest_asyncio.fixture(loop_scope="module")
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    """A daemon of the test's own, to be harmed."""
    async with daemon_process(tmp_path, "") as daemon:
        yield daemon


@pytest_asyncio.fixture(loop_scope="module")
async def kitchen(shared: DaemonProcess) -> AsyncIterator[DaemonProcess]:
    """The shared daemon with a session called kitchen."""
    started = await shared.call("PUT", "/v1/sessions/kitchen")
    assert (started.status, started.json["state"], started.json["upstream"]) == (201, "active", "engine")
    yield shared
    await shared.call("DELETE", "/v1/sessions/kitchen")


def read_back(wav: bytes) -> str:
    """What a recogniser hears in a WAV file."""
    with wave.open(io.BytesIO(wav)) as file:
        source, target = AudioFormat("linear16", file.getframerate()), AudioFormat("linear16", 16000)
        converted = Converter(source, target).feed(file.readframes(file.getnframes()), last=True)
    return Moonshine().transcribe(to_samples(converted, "linear16")).text.lower()


async def test_speech_goes_in_a_handler_runs_and_speech_that_says_so_comes_out(kitchen: DaemonProcess) -> None:
    answer = await kitchen.call(
        "POST",
        "/v1/sessions/kitchen/audio?wait=reply",
        data=QUESTION,
        headers={"Accept": "audio/wav", "Content-Type": "audio/wav"},
    )
    assert answer.status == 200, answer.body
    heard = read_back(answer.body)
    assert "living room" in heard, heard
    assert heard.rstrip(".").endswith(" on")
    state = await kitchen.call("POST", "/v1/functions/get_home_state/invoke", json={"arguments": {"room": "living room"}})
    assert "lamp" in orjson.dumps(state.json).decode(), state.body

    turn = (await kitchen.call("GET", "/v1/sessions/kitchen/turns")).json["items"][-1]
    assert (turn["calls"][0]["name"], turn["calls"][0]["outcome"]) == ("set_light", "ok")
    latency = turn["latency"]
    assert latency["basis"] == "upstream"
    parts = sum(latency[f"{stage}_s"] or 0 for stage in ("endpointing", "listen", "think", "function", "speak", "rest"))
    assert parts == pytest.approx(latency["total_s"], abs=0.005)
    metrics = (await kitchen.call("GET", "/metrics")).body.decode()
    assert 'agentd_function_calls_total{function="set_light",outcome="ok"}' in metrics


async def test_a_conversation_by_text_goes_on_through_a_change_of_prompt_and_ends_with_its_usage(kitchen: DaemonProcess) -> None:
    typed = await kitchen.call(
        "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "set a timer for ten minutes"}
    )
    assert typed.json["calls"][0]["name"] == "set_timer", typed.body
    changed = await kitchen.call("PUT", "/v1/sessions/kitchen/prompt", data="Be terse.", headers={"Content-Type": "text/plain"})
    assert changed.status == 200, changed.body
    assert (await kitchen.call("GET", "/v1/sessions/kitchen/prompt")).json["prompt"] == "Be terse."
    time = await kitchen.call(
        "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "what time is it"}
    )
    assert time.json["calls"][0]["name"] == "get_time"
    ended = await kitchen.call("DELETE", "/v1/sessions/kitchen")
    assert (ended.json["state"], ended.json["usage"]["turns"], ended.json["usage"]["function_calls"]) == ("ended", 2, 2)
    assert (await kitchen.call("DELETE", "/v1/sessions/kitchen")).status == 200, "stopping twice is no fault"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "says"),
    [
        (b"", "audio/wav", 400, "no audio"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav", 400, ""),
        (QUESTION[:24] + (7_000_000).to_bytes(4, "little") + QUESTION[28:], "audio/wav", 422, "192"),
        (b"ID3\x04" + bytes(400), "audio/mpeg", 400, "MP3"),
        (b"hello, I am a text", "text/plain", 415, "audio/wav"),
    ],
    ids=["empty", "torn header", "absurd rate", "mp3", "text"],
)
async def test_bad_audio_is_refused_with_what_is_accepted_and_the_session_takes_the_next(
    kitchen: DaemonProcess, body: bytes, content_type: str, status: int, says: str
) -> None:
    bad = await kitchen.call("POST", "/v1/sessions/kitchen/audio?wait=reply", data=body, headers={"Content-Type": content_type})
    assert bad.status == status, bad.body
    assert bad.headers["Content-Type"] == "application/problem+json"
    assert says in bad.json["detail"], bad.json
    good = await kitchen.call(
        "POST", "/v1/sessions/kitchen/audio?wait=reply", data=QUESTION, headers={"Content-Type": "audio/wav"}
    )
    assert good.status == 200, good.body


async def test_an_upload_killed_half_way_leaves_the_session_to_the_next(kitchen: DaemonProcess) -> None:
    host, port = kitchen.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/sessions/kitchen/audio?wait=reply HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {kitchen.token}\r\n"
        f"Content-Type: audio/wav\r\nContent-Length: {len(QUESTION)}\r\n\r\n".encode()
        + QUESTION[: len(QUESTION) // 2]
    )
    await writer.drain()
    await _event(kitchen, "kitchen", "UserStartedSpeaking")
    writer.transport.abort()
    del reader
    good = await kitchen.call(
        "POST", "/v1/sessions/kitchen/audio?wait=reply&timeout_s=60", data=QUESTION, headers={"Content-Type": "audio/wav"}
    )
    assert good.status == 200, good.body
    assert "lamp" in good.json["heard"].lower() or "lamb" in good.json["heard"].lower(), good.json


async def test_the_engine_killed_in_mid_turn_comes_back_and_the_session_goes_on(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, PATIENT) as daemon:
        await daemon.call("PUT", "/v1/sessions/kitchen")
        child = _children(daemon.process.pid)
        engine = [pid for pid in child if b"engine" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(engine) == 1, child
        os.kill(engine[0], signal.SIGKILL)
        answer = await daemon.call(
            "POST",
            "/v1/sessions/kitchen/messages?wait=reply&timeout_s=90",
            json={"role": "user", "content": "turn on the kitchen lamp"},
        )
        assert answer.status == 200, answer.body
        assert [call["outcome"] for call in answer.json["calls"]] == ["ok"], answer.json
        assert (await daemon.call("GET", "/v1/sessions/kitchen")).json["usage"]["renewals"] == 1
        assert (await daemon.call("GET", "/readyz")).status == 200


async def test_sigterm_ends_the_sessions_says_why_and_leaves_no_process(daemon: DaemonProcess) -> None:
    await daemon.call("PUT", "/v1/sessions/kitchen")
    children = _children(daemon.process.pid)
    assert children
    reading = daemon.http.get(
        daemon.url + "/v1/sessions/kitchen/events?types=SessionEnded", headers={"Authorization": f"Bearer {daemon.token}"}
    )
    async with reading as events:
        assert events.status == 200
        daemon.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            text = (await events.content.read()).decode()
    assert "daemon_shutdown" in text
    async with asyncio.timeout(30):
        assert await daemon.process.wait() == 0
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


async def test_a_broken_handler_is_named_and_everything_else_works(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    shutil.copytree(ROOT / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
    (functions / "broken.py").write_text("def nothing(:\n    pass\n", encoding="utf-8")
    async with daemon_process(tmp_path, "", functions=functions) as daemon:
        ready = await daemon.call("GET", "/readyz")
        assert ready.status == 200
        problems = ready.json["details"]["function_problems"]
        assert [(Path(problem["file"]).name, problem["line"]) for problem in problems] == [("broken.py", 1)]
        await daemon.call("PUT", "/v1/sessions/kitchen")
        time = await daemon.call(
            "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "what time is it"}
        )
        assert time.json["calls"][0]["outcome"] == "ok"


async def test_what_the_log_and_the_metrics_say_holds_no_word_and_no_secret(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, "") as daemon:
        token = daemon.token
        await daemon.call("PUT", "/v1/sessions/kitchen")
        await daemon.call(
            "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "my canary is xylophone"}
        )
        await daemon.call("GET", "/v1/sessions/kitchen", headers={"Authorization": "Bearer wrong-canary-token"})
        metrics = (await daemon.call("GET", "/metrics")).body.decode()
    written = (tmp_path / "log.jsonl").read_text(encoding="utf-8") + "".join(daemon.stderr) + metrics
    for canary in (token, "xylophone", "wrong-canary-token"):
        assert canary not in written
    lines = [orjson.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert any(line["event"] == "session_ended" for line in lines)


async def _serve(folder: Path, config: str, **environment: str) -> tuple[int, str]:
    """Run ``agentd serve`` until it gives up."""
    file = folder / "bad.toml"
    file.write_text(config, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "serve", "--config", str(file), "--state-dir", str(folder / "s"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=folder, env=dict(os.environ) | environment,
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    return process.returncode or 0, err.decode()


async def test_an_unknown_key_is_named_with_what_there_is(tmp_path: Path) -> None:
    status, said = await _serve(tmp_path, "[server]\nprot = 1\n")
    assert status == 2
    assert "server.prot" in said
    assert "port" in said


async def test_a_port_in_use_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, said = await _serve(tmp_path, f"[server]\nport = {taken.getsockname()[1]}\n[engine]\nmode = 'never'\n")
    assert status == 2
    assert "cannot be used" in said
    assert "--port" in said


async def test_an_open_bind_without_tls_is_refused_with_the_choices(tmp_path: Path) -> None:
    status, said = await _serve(tmp_path, "[server]\nhost = '0.0.0.0'\nport = 0\n")
    assert status == 2
    for choice in ("tls_cert", "trusted_proxies", "allow_plain_http"):
        assert choice in said


async def test_two_daemons_do_not_share_a_state_folder(daemon: DaemonProcess, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "serve", "--port", "0", "--state-dir", str(daemon.state_dir),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    assert process.returncode == 2
    assert "Another agentd uses" in err.decode()


async def test_ten_places_give_exactly_ten_sessions_to_two_hundred_starts(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, "[limits]\nsessions = 10\nstarts_per_minute = 1000\n") as daemon:
        answers = await asyncio.gather(*(daemon.call("POST", "/v1/sessions") for _ in range(200)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [201] * 10 + [429] * 190
        assert all("Retry-After" in answer.headers for answer in answers if answer.status == 429)


async def _event(daemon: DaemonProcess, session: str, type_: str) -> None:
    """Wait until an event of that type has happened in the session."""
    after = 0
    async with asyncio.timeout(60):
        while True:
            page = await daemon.call("GET", f"/v1/sessions/{session}/events?after={after}&wait_s=5")
            for event in page.json["items"]:
                after = event["seq"]
                if event["type"] == type_:
                    return


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


LIBRARY = '''
from typing import Annotated

from pydantic import Field

from agentd.functions import function

LOANS = {"treasure island": "on Friday"}


@function(tier="read")
async def find_loan(title: Annotated[str, Field(description="Title of the book", examples=["Treasure Island", "Dune"])]) -> str:
    """Say when a borrowed book is due back."""
    due = LOANS.get(title.lower())
    return f"{title} is due back {due}." if due else f"You have not borrowed {title}."


@function(tier="low")
async def renew_loan(
    title: Annotated[str, Field(description="Title of the book", examples=["Treasure Island", "Dune"])],
    weeks: Annotated[int, Field(description="By how many weeks", ge=1, le=4)],
) -> str:
    """Renew the loan of a book by some weeks."""
    return f"{title} is renewed by {weeks} weeks."
'''


async def test_a_handler_never_seen_before_is_understood_when_spoken_to(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    functions.mkdir(mode=0o755)
    (functions / "library.py").write_text(LIBRARY, encoding="utf-8")
    voice = HibariVoice()
    async with daemon_process(tmp_path, "", functions=functions) as daemon:
        await daemon.call("PUT", "/v1/sessions/library")
        called = []
        for sentence in ("When is Treasure Island due back?", "Renew Treasure Island by two weeks."):
            samples = np.concatenate(list(voice.synthesise(sentence)))
            answer = await daemon.call(
                "POST", "/v1/sessions/library/audio?wait=reply",
                data=from_samples(samples, "linear16"),
                headers={"Content-Type": f"audio/pcm;encoding=linear16;rate={voice.sample_rate};channels=1"},
            )  # fmt: skip
            assert answer.status == 200, answer.body
            called.append([(call["name"], call["arguments"], call["outcome"]) for call in answer.json["calls"]])
    assert called == [
        [("find_loan", {"title": "Treasure Island"}, "ok")],
        [("renew_loan", {"title": "Treasure Island", "weeks": 2}, "ok")],
    ]
