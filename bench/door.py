"""The door under attack: what a person who steers a conversation notices of it, and what it leaves behind.

    python -m bench.door [--seconds 5]

A real daemon with one live session over a scripted upstream. While each attack goes on for some seconds, another client
shows the session and stops its speech every 20 ms. Printed as JSON, for each attack
and for quiet times: requests a second of the attack, latency of the control calls (p50, p99, largest, in milliseconds),
calls that failed, how often the daemon's loop was due and how often it was more than 100 ms late, and growth of its memory
and descriptors. Exit status 1 when a control call failed, memory grew by more than 8 MiB, or descriptors were left. The
attackers share the machine: what the calls notice is theirs as well, the late ticks are the daemon's own.
"""

import argparse
import asyncio
import gzip
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench.sessions import scripted_upstream

SCRIPT: Final = 'default: {say: "I heard: {text}", audio_s: 0.1}\n'
UPGRADE: Final = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
ATTACKERS: Final = 16
EVERY_S: Final = 0.02
MOST_KIB: Final = 8 * 1024
START_S: Final = 30.0


@dataclass(slots=True)
class Target:
    """The daemon, and how to speak to it."""

    url: str
    token: str
    count: int = 0

    @property
    def host(self) -> str:
        """Of the Host header."""
        return self.url.removeprefix("http://")

    def head(self, line: str, more: str = "", token: str | None = None) -> bytes:
        """A request's head."""
        key = f"Authorization: Bearer {token}\r\n" if token else ""
        return f"{line} HTTP/1.1\r\nHost: {self.host}\r\n{key}{more}\r\n".encode()

    async def send(self, data: bytes, *, answers: int = 1) -> None:
        """Down a connection of its own, until so many answers have come."""
        host, _, port = self.host.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(data)
            await writer.drain()
            seen = 0
            async with asyncio.timeout(5):
                while seen < answers and (chunk := await reader.read(1 << 16)):
                    seen += chunk.count(b"HTTP/1.")
            self.count += max(1, seen)
        finally:
            writer.close()


Attack = Callable[[Target], Awaitable[None]]
BOMB: Final = gzip.compress(bytes(20_000_000), 9)
PARTS: Final = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 20_000 + b"--x--\r\n"
DEEP: Final = b"[" * 200_000


async def _guesses(target: Target) -> None:
    head = target.head("GET /v1/sessions", token=secrets.token_urlsafe(32))
    await target.send(head * 50, answers=50)


async def _upgrades(target: Target) -> None:
    await target.send(target.head("GET /v1/agent/converse", UPGRADE))


async def _pipelined(target: Target) -> None:
    await target.send(target.head("GET /healthz") * 200, answers=200)


async def _bombs(target: Target) -> None:
    more = f"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n"
    await target.send(target.head("POST /v1/sessions", more, target.token) + BOMB)


async def _forms(target: Target) -> None:
    more = f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(PARTS)}\r\n"
    await target.send(target.head("POST /v1/sessions/bench/say", more, target.token) + PARTS)


async def _nested(target: Target) -> None:
    more = f"Content-Type: application/json\r\nContent-Length: {len(DEEP)}\r\n"
    await target.send(target.head("POST /v1/sessions/bench/say", more, target.token) + DEEP)


async def _silent(target: Target) -> None:
    host, _, port = target.host.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    target.count += 1
    try:
        await asyncio.sleep(0.5)
    finally:
        writer.close()


async def _nothing(target: Target) -> None:
    del target
    await asyncio.sleep(0.1)


ATTACKS: Final[dict[str, Attack]] = {
    "quiet": _nothing,
    "guessed tokens": _guesses,
    "upgrades without a token": _upgrades,
    "pipelined requests": _pipelined,
    "gzip bombs": _bombs,
    "multipart forms": _forms,
    "nested JSON": _nested,
    "silent connections": _silent,
}


@dataclass(slots=True)
class Figures:
    """What a person noticed."""

    latencies_s: list[float] = field(default_factory=list)
    failed: int = 0

    async def steer(self, http: aiohttp.ClientSession, target: Target, until: float) -> None:
        """Call, again and again, as a person's automation does."""
        path, n = f"{target.url}/v1/sessions/bench", 0
        while time.monotonic() < until:
            began, n = time.monotonic(), n + 1
            method, url = ("GET", path) if n % 2 else ("POST", f"{path}/interrupt")
            try:
                async with asyncio.timeout(5), http.request(method, url) as response:
                    self.failed += response.status != 200
            except (OSError, aiohttp.ClientError, TimeoutError):
                self.failed += 1
            self.latencies_s.append(time.monotonic() - began)
            await asyncio.sleep(EVERY_S)

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        cuts = statistics.quantiles(self.latencies_s, n=100)
        p50, p99, largest = (round(value * 1000, 2) for value in (cuts[49], cuts[98], max(self.latencies_s)))
        return {"calls": len(self.latencies_s), "failed": self.failed, "p50_ms": p50, "p99_ms": p99, "max_ms": largest}


async def under(attack: Attack, target: Target, http: aiohttp.ClientSession, seconds: float) -> dict[str, Any]:
    """One attack, and what was noticed of it."""
    before, figures, until = await _resources(target, http), Figures(), time.monotonic() + seconds
    target.count = 0

    async def keep_on() -> None:
        while time.monotonic() < until:
            with suppress(OSError, TimeoutError):
                await attack(target)

    async with asyncio.TaskGroup() as group:
        for _ in range(ATTACKERS):
            group.create_task(keep_on())
        group.create_task(figures.steer(http, target, until))
    await asyncio.sleep(1.0)  # the daemon sees who has left
    after = await _resources(target, http)
    grown = {name: round(after[name] - before[name]) for name in before}
    ticks, late = grown.pop("ticks"), grown.pop("in_time")
    return figures.shown() | {"attack_per_s": round(target.count / seconds), "ticks": ticks, "ticks_late": ticks - late} | grown


async def _resources(target: Target, http: aiohttp.ClientSession) -> dict[str, float]:
    """Memory, descriptors, and how often the daemon's loop did in time (100 ms) what is due every 20 ms."""
    async with http.get(f"{target.url}/metrics") as response:
        values = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if not line.startswith("#"))
    lag = "agentd_event_loop_lag_seconds"
    return {
        "memory_kib": float(values["process_resident_memory_bytes"]) / 1024,
        "descriptors": float(values["process_open_fds"]),
        "ticks": float(values[f"{lag}_count"]),
        "in_time": float(values[f'{lag}_bucket{{le="0.1"}}']),
    }


async def main(seconds: float) -> int:
    """Every attack in turn, on one daemon; the first round warms it up and is not shown."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as folder:
        state = Path(folder) / "state"
        async with scripted_upstream(Path(folder), SCRIPT) as (url, key):
            environment = os.environ | {"DEEPGRAM_API_KEY": key, "AGENTD_ENGINE__MODE": "never"}
            environment |= {"AGENTD_DEEPGRAM__AGENT_URL": url, "AGENTD_LIMITS__CONNECTIONS": "512"}
            with (Path(folder) / "log").open("wb") as log:
                daemon = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "agentd", "serve", "--port", "0", "--state-dir", str(state),
                    stdout=log, stderr=asyncio.subprocess.DEVNULL, cwd=folder, env=environment,
                )  # fmt: skip
            try:
                figures = await _measure(state, seconds)
            finally:
                daemon.terminate()
                await daemon.wait()
    print(json.dumps(figures, indent=2))
    bad = [one for one in figures.values() if one["failed"] or one["memory_kib"] > MOST_KIB or one["descriptors"] > 2]
    return 1 if bad else 0


async def _measure(state: Path, seconds: float) -> dict[str, Any]:
    async with asyncio.timeout(START_S):
        while not (state / "agentd.url").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    target = Target((state / "agentd.url").read_text().strip(), (state / "token").read_text().strip())
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {target.token}"}) as http:
        async with http.put(f"{target.url}/v1/sessions/bench") as response:
            response.raise_for_status()
        for attack in ATTACKS.values():
            await under(attack, target, http, 1.0)
        return {name: await under(attack, target, http, seconds) for name, attack in ATTACKS.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each attack")
    sys.exit(asyncio.run(main(parser.parse_args().seconds)))
