"""Live uploads that go on and on, or break off, and what they do to a daemon in a process of its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np

from agentd.audio.formats import AudioFormat, wav_header
from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.fuzzing import CONFIG, SCRIPT
from tests.support.recordings import KINDS, record
from tests.support.scripted import Received, scripted_engine

INPUT: Final = AudioFormat("linear16", 16_000)
SETTINGS: Final = {"audio": {"input": {"encoding": "linear16", "sample_rate": 16_000}}}
PIECE_S: Final = 0.02
_WARM_S: Final = 2.0
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen.

    Attributes:
        given_s: audio that was uploaded.
        accepted_s: audio that the daemon says it sent of it.
        heard_s: audio that the upstream received from the first to the last sample of it.
        drift_s: the most that the audio the upstream had received differed from the time that had passed, once a second.
        final_drift_s: the same at the end.
        memory_mb: resident memory of the daemon and its decoders: once warm, at the end, and the most.
    """

    given_s: float
    accepted_s: float
    heard_s: float
    drift_s: float
    final_drift_s: float
    memory_mb: tuple[float, float, float]


async def upload(folder: Path, *, seconds: float, kind: str = "WAV") -> Figures:
    """Upload quiet noise as fast as time passes, in chunks, from a source whose header knows no length."""
    body = _body(kind, seconds)
    async with (
        scripted_engine(SCRIPT) as peer,
        daemon_process(folder, CONFIG.format(key=peer.key, ws=peer.url, http=peer.http_url)) as daemon,
    ):
        await daemon.call("PUT", "/v1/sessions/kitchen", json={"settings": SETTINGS})
        connection = peer.connections[0]
        pid = daemon.process.pid
        memory: list[float] = []
        drift: list[float] = []
        done = asyncio.Event()

        async def watch() -> None:
            while connection.audio_bytes == 0:  # noqa: ASYNC110 - the peer has no event for it
                await asyncio.sleep(0.002)
            before, began = connection.audio_bytes, time.monotonic()
            while not done.is_set():
                try:
                    async with asyncio.timeout(1.0):
                        await done.wait()
                except TimeoutError:
                    passed = time.monotonic() - began
                    drift.append(INPUT.duration_s(connection.audio_bytes - before) - passed)
                    if passed >= min(_WARM_S, seconds / 2):
                        memory.append(_memory_mb(pid))

        async with asyncio.TaskGroup() as group:
            group.create_task(watch(), name="upload:watch")
            path, headers = "/v1/sessions/kitchen/audio", {"Content-Type": "audio/*"}
            answer = await daemon.call("PUT", path, data=_paced(body, seconds), headers=headers, timeout=_NO_TIMEOUT)
            heard_s = INPUT.duration_s(connection.audio_bytes)
            done.set()
    assert answer.status == 200, answer.body
    return Figures(
        given_s=seconds,
        accepted_s=answer.json["accepted_s"],
        heard_s=heard_s,
        drift_s=max(drift, key=abs),
        final_drift_s=drift[-1],
        memory_mb=(memory[0], memory[-1], max(memory)),
    )


@dataclass(slots=True)
class Broken:
    """What was left of uploads that their clients reset.

    Attributes:
        partial: how many the daemon told as partial.
        noticed_s: the longest until a broken one was told.
        descriptors, processes: more than before.
        well: sessions that took a recording afterwards.
    """

    partial: int = 0
    noticed_s: float = 0.0
    descriptors: int = 0
    processes: int = 0
    well: int = 0


async def broken_uploads(folder: Path, *, uploads: int, at_once: int) -> Broken:
    """Reset uploads after half of their body, ``at_once`` at a time, each in a session of its own."""
    seen = Broken()
    bodies = [_body("WAV", 4.0), _body("WebM Opus", 4.0)]
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(scripted_engine(SCRIPT))
        config = CONFIG.format(key=peer.key, ws=peer.url, http=peer.http_url)
        daemon = await stack.enter_async_context(daemon_process(folder, config))
        rooms = [f"room{number}" for number in range(at_once)]
        for room in rooms:
            await daemon.call("PUT", f"/v1/sessions/{room}", json={"settings": SETTINGS})
        heard = dict(zip(rooms, peer.connections, strict=True))

        async def break_off(room: str, count: int) -> None:
            for number in range(count):
                body = bodies[number % 2]
                at = (await daemon.call("GET", f"/v1/sessions/{room}/events?after=0&limit=1000")).json["items"][-1]["seq"]
                await _reset_half_way(daemon, room, body, heard[room])
                began = time.monotonic()
                told = await daemon.call("GET", f"/v1/sessions/{room}/events?after={at}&wait_s=10&types=CommandFinished&limit=1")
                seen.noticed_s = max(seen.noticed_s, time.monotonic() - began)
                seen.partial += sum(event["data"].get("outcome") == "partial" for event in told.json["items"])

        async def everywhere(count: int) -> None:
            async with asyncio.TaskGroup() as group:
                for room in rooms:
                    group.create_task(break_off(room, count), name=f"broken:{room}")

        await everywhere(2)  # connections of this client's own are open then
        before, seen.partial, seen.noticed_s = _left(daemon.process.pid), 0, 0.0
        await everywhere(uploads // at_once)
        for room in rooms:
            answer = await daemon.call("POST", f"/v1/sessions/{room}/audio?pace=fast&queue=false", data=_body("WAV", 0.2))
            seen.well += answer.status == 200
        after = _left(daemon.process.pid)
    seen.descriptors, seen.processes = (max(0, now - then) for now, then in zip(after, before, strict=True))
    return seen


async def _reset_half_way(daemon: DaemonProcess, room: str, body: bytes, heard: Received) -> None:
    host, _, port = daemon.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/sessions/{room}/audio HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {daemon.token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body[: len(body) // 2]
    )
    before = len(heard.audio)
    async with asyncio.timeout(30):
        while not any(heard.audio[before:]):  # noqa: ASYNC110 - the peer has no event for it
            await asyncio.sleep(0.02)
    writer.transport.abort()


def _left(pid: int) -> tuple[int, int]:
    """Open descriptors, and child processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), len(children)


def _body(kind: str, seconds: float) -> bytes:
    """The whole upload; 20 ms of it are sent every 20 ms."""
    rate = 16_000 if kind == "WAV" else KINDS[kind].rate
    noise = (np.random.default_rng(1).standard_normal(int(seconds * rate)) * 20).astype(np.int16)
    return wav_header(INPUT, None) + noise.tobytes() if kind == "WAV" else record(KINDS[kind], noise)


async def _paced(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    """``body`` evenly over its duration, by the clock."""
    began, sent, pieces = time.monotonic(), 0, round(seconds / PIECE_S)
    for number in range(1, pieces + 1):
        end = len(body) * number // pieces
        yield body[sent:end]
        sent = end
        await asyncio.sleep(max(0.0, began + number * PIECE_S - time.monotonic()))


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and its children."""
    pids = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in pids) * 4096 / 1e6
