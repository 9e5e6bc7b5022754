"""Many readers of events on busy sessions: how late is an event, how long does a control call take, who is cut off?

    python -m bench.streams [--readers 1000] [--sessions 20] [--seconds 30]

The daemon and its scripted upstream have processes of their own; the readers are in this one. Each session is spoken to by
text once a second, and calls a function in every turn. One more reader, of all sessions, takes nothing at all. Figures are
printed as JSON; exit status 1 when an event came 200 ms late or a control call took 100 ms (both at the 99th
percentile), when a reader missed an event or was cut off, or when the starved one was not.
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import re
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiohttp
import uvloop

from bench.sessions import HANDLER, scripted_upstream

DELIVERY_S: Final = 0.2
CONTROL_S: Final = 0.1
TIME: Final = re.compile(rb'"time":"([^"]+)"')
SEQ: Final = re.compile(rb"^id: [^:]+:(\d+)$", re.MULTILINE)
TYPED: Final = """
greeting_audio_s: 0.1
on:
  - {event: user, match: count, steps: [{call: count}, {say: "That was {result}.", audio_s: 0.3}]}
"""


@dataclass(slots=True)
class Deliveries:
    """What came to all readers: how late, in seconds, and how many of it out of line."""

    late: list[float] = field(default_factory=list)
    gaps: int = 0
    lost: int = 0
    counting: bool = False


class Reader(asyncio.Protocol):
    """One reader of a session's events, as lean as can be: the machine is shared with what is measured."""

    def __init__(self, head: bytes, into: Deliveries) -> None:
        self._head = head
        self._into = into
        self._last = 0
        self._open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the events."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """Note how late each event is; the clock of the machine is one."""
        if not self._into.counting:
            for found in SEQ.finditer(data):
                self._last = int(found[1])
            return
        now = time.time()
        for found in SEQ.finditer(data):
            seq = int(found[1])
            self._into.gaps += self._last not in (0, seq - 1)
            self._last = seq
        self._into.late += [now - unix(found[1]) for found in TIME.finditer(data)]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody should be cut off."""
        self._into.lost += self._open

    def close(self) -> None:
        """Leave."""
        self._open = False
        self.transport.abort()


def unix(text: bytes) -> float:
    """RFC 3339 as Unix seconds."""
    return dt.datetime.fromisoformat(text.decode()).timestamp()


@asynccontextmanager
async def daemon(folder: Path, url: str, key: str, readers: int, sessions: int) -> AsyncIterator[tuple[str, str, int]]:
    """``agentd serve`` in a process of its own: its URL, its token and its process id."""
    (folder / "functions").mkdir()
    (folder / "functions" / "count.py").write_text(HANDLER, encoding="utf-8")
    config = folder / "config.toml"
    config.write_text(
        f"""
        [server]
        port = 0
        [paths]
        state_dir = "{folder / "state"}"
        functions_dir = "{folder / "functions"}"
        [deepgram]
        agent_url = "{url}"
        rest_url = "{url.replace("ws", "http", 1)}"
        max_sessions = {sessions}
        [log]
        level = "warning"
        [agents.home]
        prompt = "Count."
        [limits]
        sessions = {sessions}
        sse_clients = {readers + 1}
        connections = {readers + 500}
        connections_per_token = {readers + 500}
        """,
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "serve", "--config", str(config),
        stderr=asyncio.subprocess.DEVNULL, env=dict(os.environ) | {"DEEPGRAM_API_KEY": key},
    )  # fmt: skip
    try:
        where = folder / "state" / "agentd.url"
        async with asyncio.timeout(30):
            while not where.exists() or not where.read_text(encoding="ascii").endswith("\n"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        token = (folder / "state" / "token").read_text(encoding="ascii").strip()
        yield where.read_text(encoding="ascii").strip(), token, process.pid
    finally:
        process.terminate()
        await process.wait()


async def talk(http: aiohttp.ClientSession, id_: str, until: float) -> int:
    """Type to a session once a second. Returns the turns that were."""
    loop, turns = asyncio.get_running_loop(), 0
    while loop.time() < until:
        due = loop.time() + 1.0
        async with http.post(f"/v1/sessions/{id_}/messages?wait=reply", json={"content": "count"}) as response:
            turns += response.status == 200
        await asyncio.sleep(max(0.0, due - loop.time()))
    return turns


async def steer(http: aiohttp.ClientSession, ids: list[str], since: float, until: float) -> dict[str, list[float]]:
    """Control calls of several kinds, twenty a second: how long each took, by kind; those before ``since`` are not counted."""
    loop, n = asyncio.get_running_loop(), 0
    took: dict[str, list[float]] = {"show": [], "prompt": [], "list": []}
    while loop.time() < until:
        due, id_ = loop.time() + 0.05, ids[n % len(ids)]
        calls = (
            ("show", "GET", f"/v1/sessions/{id_}"),
            ("prompt", "PATCH", f"/v1/sessions/{id_}/prompt"),
            ("list", "GET", "/v1/sessions"),
        )
        kind, method, path = calls[n % len(calls)]
        began = loop.time()
        async with http.request(method, path, json={"append": "x"} if method == "PATCH" else None) as response:
            await response.read()
            if response.status != 200:
                raise AssertionError(f"{method} {path} answered {response.status}")
        if began >= since:
            took[kind].append(loop.time() - began)
        n += 1
        await asyncio.sleep(max(0.0, due - loop.time()))
    return took


def cpu_s(pid: int) -> float:
    """Processor time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def main(readers: int, sessions: int, seconds: float) -> dict[str, Any]:
    """Run it."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        folder = Path(name)
        async with (
            scripted_upstream(folder, TYPED) as (url, key),
            daemon(folder, url, key, readers, sessions) as (base, token, pid),
            aiohttp.ClientSession(
                base, headers={"Authorization": f"Bearer {token}"}, connector=aiohttp.TCPConnector(limit=0)
            ) as http,
        ):
            return await measure(http, base, token, pid, readers, sessions, seconds)


async def measure(  # noqa: PLR0917 - what the run is made of
    http: aiohttp.ClientSession, base: str, token: str, pid: int, readers: int, sessions: int, seconds: float
) -> dict[str, Any]:
    """Open everything, let it settle, measure."""
    loop = asyncio.get_running_loop()
    ids = [f"busy-{n}" for n in range(sessions)]
    for id_ in ids:
        async with http.put(f"/v1/sessions/{id_}") as response:
            if response.status != 201:
                raise AssertionError(await response.text())
    into, made = Deliveries(), []
    host, port = urlsplit(base).hostname or "", urlsplit(base).port or 0

    def head(id_: str | None) -> bytes:
        path = f"/v1/sessions/{id_}/events" if id_ else "/v1/events"
        return f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

    for n in range(readers):
        _, protocol = await loop.create_connection(lambda n=n: Reader(head(ids[n % sessions]), into), host, port)  # type: ignore[misc]
        made.append(protocol)
    starved = socket.socket()
    starved.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    starved.connect((host, port))
    starved.send(head(None))
    settled = loop.time() + 3
    until = settled + seconds
    talking = asyncio.gather(*(talk(http, id_, until) for id_ in ids))
    steering = asyncio.gather(steer(http, ids, settled, until))
    await asyncio.sleep(settled - loop.time())
    into.counting, cpu, own = True, cpu_s(pid), cpu_s(os.getpid())
    turns, (took,) = await talking, await steering
    into.counting = False
    figures = {
        "readers": readers,
        "sessions": sessions,
        "seconds": seconds,
        "turns": sum(turns),
        "deliveries": len(into.late),
        "deliveries_per_s": round(len(into.late) / seconds),
        "delivery_ms": percentiles(into.late),
        "control_calls": sum(map(len, took.values())),
        "control_ms": percentiles([value for values in took.values() for value in values]),
        "control_ms_by_kind": {kind: percentiles(values) for kind, values in took.items()},
        "gaps": into.gaps,
        "readers_lost": into.lost,
        "daemon_cpu_percent_of_a_core": round(100 * (cpu_s(pid) - cpu) / seconds),
        "readers_cpu_percent_of_a_core": round(100 * (cpu_s(os.getpid()) - own) / seconds),
        "daemon_memory_mib": round(resident_mib(pid), 1),
    }
    async with http.get("/metrics") as response:
        drops = re.findall(r'agentd_subscriber_drops_total\{lane="control",transport="sse"\} (\S+)', await response.text())
        stalled = re.findall(r'agentd_subscribers\{transport="sse"\} (\S+)', await response.text())
    for reader in made:
        reader.close()
    starved.close()
    return figures | {"cut_off": float(drops[0]), "open_at_the_end": float(stalled[0])}


def percentiles(values: list[float]) -> dict[str, float]:
    """In milliseconds."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49] * 1000, 1), "p99": round(cuts[98] * 1000, 1), "max": round(max(values) * 1000, 1)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    result = uvloop.run(main(arguments.readers, arguments.sessions, arguments.seconds))
    print(json.dumps(result, indent=2))
    slow = result["delivery_ms"]["p99"] >= DELIVERY_S * 1000 or result["control_ms"]["p99"] >= CONTROL_S * 1000
    kept = result["open_at_the_end"] > arguments.readers
    sys.exit(bool(slow or kept or result["gaps"] or result["readers_lost"]))
