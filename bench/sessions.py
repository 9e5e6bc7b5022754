"""Many sessions at once, in real time: do all turns complete, does memory stay flat, is anything left?

    python bench/sessions.py [--sessions 20] [--seconds 120] [--warm-up 20]

The upstream is ``agentd engine --script`` in a process of its own; the daemon is in this one, driven over HTTP. Each
session sends a 1.5 s recording in real time, again and again, and a function is called in every turn. Exit status 1
when a turn failed or something was left; figures are printed as JSON.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import uvloop

from agentd import log
from agentd.app import Daemon, running
from agentd.audio.formats import AudioFormat, wav_header
from agentd.config import LogSettings, Settings
from agentd.supervise import Nursery
from agentd.upstream.transport import install_transport

SCRIPT: Final = """
on:
  - hears: count
    steps: [{call: count}, {say: "That was number {result}.", audio_s: 0.5}]
"""

HANDLER: Final = '''
from agentd.functions import CallContext, function

@function(tier="read")
async def count(ctx: CallContext) -> str:
    """Count."""
    return "one more"
'''

SMALL_RINGS: Final = {"turns_kept": 50, "turn_audio_s": 2, "event_ring": 50, "ended_sessions": 20}
"""What is kept of the past fills up while the daemon warms up: growth after that is a leak."""

PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def recording(seconds: float) -> bytes:
    """A tone that the scripted ear takes for speech, as a WAV file."""
    audio = AudioFormat("linear16", 16000)
    time = np.arange(int(seconds * audio.sample_rate)) / audio.sample_rate
    data = (np.sin(2 * np.pi * 220 * time) * 12000).astype("<i2").tobytes()
    return wav_header(audio, len(data)) + data


def resident_mib() -> float:
    """Resident memory of this process, MiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE / 2**20


def descriptors() -> int:
    """Open file descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[int]:
    """Child processes of this process."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text(encoding="ascii").split()}


@asynccontextmanager
async def scripted_upstream(folder: Path, script: str = SCRIPT) -> AsyncIterator[tuple[str, str]]:
    """``agentd engine --script`` on a free port: its URL and the key it takes."""
    (folder / "script.yaml").write_text(script, encoding="utf-8")
    key = "bench-key"
    (folder / "key").write_text(key + "\n", encoding="utf-8")
    (folder / "key").chmod(0o600)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "engine", "--script", str(folder / "script.yaml"),
        "--port", "0", "--token-file", str(folder / "key"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=dict(os.environ) | {"AGENTD_ENGINE__MAX_SESSIONS": "1000"},
    )  # fmt: skip
    nursery = Nursery()
    try:
        async with asyncio.timeout(20):
            url = await _listening(process)
        nursery.start(_drain(process), name="bench:upstream")  # a pipe that nobody reads stops its writer
        yield url, key
    finally:
        process.terminate()
        await process.wait()
        await nursery.close()


async def _drain(process: asyncio.subprocess.Process) -> None:
    while process.stdout is not None and await process.stdout.read(65_536):
        continue


async def _listening(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    async for line in process.stdout:
        start = line.find(b"ws://")
        if start >= 0:
            return line[start:].split(b'"')[0].split()[0].decode()
    raise RuntimeError("the scripted upstream did not start")


async def talk(http: aiohttp.ClientSession, until: float, wav: bytes, results: list[Any]) -> None:
    """One session that talks until ``until``."""
    async with http.post("/v1/sessions", json={}) as response:
        session = (await response.json())["id"]
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        path = f"/v1/sessions/{session}/audio?wait=reply"
        async with http.post(path, data=wav, headers={"Content-Type": "audio/wav"}) as response:
            turn = await response.json()
            ok = response.status == 200 and turn["outcome"] == "completed" and [c["outcome"] for c in turn["calls"]] == ["ok"]
            results.append(ok or turn)
    async with http.delete(f"/v1/sessions/{session}") as response:
        results.append(response.status == 200 or await response.json())


async def main(sessions: int, seconds: float, warm_up: float, *, record: bool) -> dict[str, Any]:
    """Run it; what a first daemon of this process leaves once (caches, imports) is not counted."""
    await cycle(1, 1.0, 0.0, record=record)
    before, processes = descriptors(), children()
    figures = await cycle(sessions, seconds, warm_up, record=record)
    figures["left"] |= {"descriptors": descriptors() - before, "children": len(children() - processes)}
    return figures


async def cycle(sessions: int, seconds: float, warm_up: float, *, record: bool) -> dict[str, Any]:
    """A daemon and its upstream, from start to end."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        folder = Path(name)
        (folder / "functions").mkdir()
        (folder / "functions" / "count.py").write_text(HANDLER, encoding="utf-8")
        async with scripted_upstream(folder) as (url, key):
            settings = Settings.model_validate(
                {
                    "server": {"port": 0},
                    "paths": {"state_dir": folder / "state", "functions_dir": folder / "functions"},
                    "deepgram": {"api_key": key, "agent_url": url, "rest_url": url.replace("ws", "http", 1)},
                    "agents": {"home": {"prompt": "Count."}},
                    "limits": {"sessions": sessions, "function_calls_per_minute": 1000} | SMALL_RINGS,
                    "store": {"record_audio": record, "recording_bytes_per_day": 2**40},
                }
            )
            async with running(settings) as daemon:
                return await measure(daemon, folder, sessions, seconds, warm_up)


async def measure(daemon: Daemon, folder: Path, sessions: int, seconds: float, warm_up: float) -> dict[str, Any]:
    """Warm up, then measure."""
    headers = {"Authorization": "Bearer " + (folder / "state" / "token").read_text(encoding="ascii").strip()}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(daemon.url, headers=headers, connector=connector) as http:
        loop = asyncio.get_running_loop()
        wav = recording(1.5)
        results: list[Any] = []
        at_rest = {task.get_name() for task in asyncio.all_tasks()}
        until = loop.time() + warm_up + seconds
        running_now = asyncio.gather(*(talk(http, until, wav, results) for _ in range(sessions)))
        await asyncio.wait({running_now}, timeout=warm_up)
        turns_before, memory, began_cpu = len(results), [resident_mib()], os.times()
        while not running_now.done():
            await asyncio.wait({running_now}, timeout=5)
            memory.append(resident_mib())
        await running_now
        cpu = os.times()
        left = {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("session")} - at_rest
    failed = [result for result in results if result is not True]
    half = len(memory) // 2
    return {
        "sessions": sessions,
        "seconds": seconds,
        "turns": len(results) - sessions - turns_before,
        "failed": len(failed),
        "first_failures": failed[:3],
        "cpu_percent_of_a_core": round(100 * (cpu.user - began_cpu.user + cpu.system - began_cpu.system) / seconds),
        "memory_mib": {
            "after_warm_up": round(memory[0], 1),
            "median_first_half": round(statistics.median(memory[:half] or memory), 1),
            "median_second_half": round(statistics.median(memory[half:]), 1),
            "end": round(memory[-1], 1),
        },
        "left": {"tasks": sorted(left), "sessions": len(daemon.manager.live_sessions)},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--warm-up", type=float, default=20)
    parser.add_argument("--record", action="store_true", help="record every session (as RSS over 1800 s: nothing is held)")
    arguments = parser.parse_args()
    log.configure(LogSettings(level="error"))
    install_transport()
    figures = uvloop.run(main(arguments.sessions, arguments.seconds, arguments.warm_up, record=arguments.record))
    print(json.dumps(figures, indent=2))
    left = figures["left"]
    sys.exit(bool(figures["failed"] or left["tasks"] or left["sessions"] or left["children"] or left["descriptors"] > 0))
