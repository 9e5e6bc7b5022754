"""What a listener notices of functions that hang, block, spin and flood: how late is each frame of the agent's audio?"""

import asyncio
import struct
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench.functions.daemon import daemon, session
from bench.functions.figures import spread
from bench.functions.upstream import Link, Upstream, new_id, upstream

FRAME_S: Final = 0.02
FRAME_BYTES: Final = 960
"""20 ms at 24 kHz, linear16."""
LATE_S: Final = 0.005
"""What a slow function may add at the 99th percentile before a listener could notice: a quarter of a frame."""

HANDLERS: Final = '''
import asyncio, sys, time
from agentd.functions import CallContext, function

@function(tier="read")
async def waits() -> str:
    """Wait."""
    await asyncio.sleep(2)
    return "waited"

@function(tier="read")
def blocks() -> str:
    """Block a thread."""
    time.sleep(2)
    return "blocked"

@function(tier="read")
async def blocks_its_loop() -> str:
    """Block the worker's own loop."""
    time.sleep(2)
    return "blocked"

@function(tier="read", timeout_s=2)
async def never_ends() -> str:
    """Run into the time limit and ignore that."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue

@function(tier="read")
async def prints() -> str:
    """Flood the log."""
    for _ in range(200):
        print("x" * 100_000)
        await asyncio.sleep(0.01)
    return "printed"

@function(tier="read")
async def asks(ctx: CallContext) -> str:
    """Flood the daemon with requests."""
    for n in range(400):
        await asyncio.gather(*(ctx.store.set(f"key{i}", "v" * 500) for i in range(4)))
    return "asked"

@function(tier="read")
async def large() -> str:
    """Return far too much."""
    return "x" * 100_000_000

@function(tier="read", timeout_s=2)
def spins() -> str:
    """Burn a processor."""
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        pass
    return "spun"
'''
KINDS: Final = ("waits", "blocks", "blocks_its_loop", "never_ends", "prints", "asks", "large", "spins")


class Line:
    """One session: audio goes in at the upstream, comes out at a listener; the clock of the machine is one."""

    def __init__(self, link: Link, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.link = link
        self.late: list[float] = []
        self.lost = 0
        self._socket = socket
        self._sent = 0

    async def speak(self, seconds: float) -> None:
        """Send frames in real time, each with its number and the time."""
        due = time.perf_counter()
        end = due + seconds
        await self.link.send({"type": "ConversationText", "role": "user", "content": "Speak."})
        while due < end:
            self._sent += 1
            stamp = struct.pack("<4sId", b"bnch", self._sent, time.perf_counter())
            await self.link.socket.send_bytes(stamp.ljust(FRAME_BYTES, b"\0"))
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await self.link.end_turn()

    async def listen(self) -> None:
        """Note how late each frame is; those that were sent and did not come are lost."""
        rest = b""
        last = 0
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                continue
            now = time.perf_counter()
            rest += message.data
            while (at := rest.find(b"bnch")) >= 0 and len(rest) >= at + 16:
                _, number, sent = struct.unpack_from("<4sId", rest, at)
                self.late.append(now - sent)
                self.lost += number - last - 1
                last = number
                rest = rest[at + 16 :]
            rest = rest[-16:]


@asynccontextmanager
async def lines(http: aiohttp.ClientSession, served: Upstream, count: int) -> AsyncIterator[list[Line]]:
    """So many sessions with a listener each."""
    made: list[Line] = []
    sockets: list[aiohttp.ClientWebSocketResponse] = []
    listeners: list[asyncio.Task[None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for n in range(count):
                link = await session(http, served, f"line-{n}")
                socket = await http.ws_connect(f"/v1/sessions/line-{n}/stream?audio=out&events=none", max_msg_size=0)
                sockets.append(socket)
                made.append(Line(link, socket))
                listeners.append(group.create_task(made[-1].listen(), name=f"bench:listen:{n}"))
            yield made
            for socket in sockets:
                await socket.close()
    finally:
        for listener in listeners:
            listener.cancel()


async def measure(seconds: float, sessions: int) -> dict[str, Any]:
    """Speak with nothing else going on, then with one kind of function after the other under way in every session, in turn."""
    late: dict[str, list[float]] = {}
    lost = 0
    limits = {"sessions": sessions + 1, "function_calls": 16}
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        async with (
            upstream() as served,
            daemon(Path(name), served, HANDLERS, limits=limits) as http,
            lines(http, served, sessions) as all_lines,
        ):
            for kind in ("warm-up", "nothing", *KINDS, "nothing again"):
                for line in all_lines:
                    line.late.clear()
                calls = [line.link.ask((new_id(), kind, {})) for line in all_lines] if kind in KINDS else []
                await asyncio.gather(*calls, *(line.speak(seconds) for line in all_lines))
                late[kind] = [one for line in all_lines for one in line.late]
            lost = sum(line.lost for line in all_lines)
    del late["warm-up"]
    quiet = spread(late["nothing"] + late["nothing again"])
    figures = {kind: spread(seconds) for kind, seconds in late.items()}
    added = {kind: round(figures[kind]["p99"] - quiet["p99"], 3) for kind in KINDS}
    return {
        "sessions": sessions,
        "frames_of_each": len(late["nothing"]),
        "late_ms": figures,
        "p99_added_ms": added,
        "frames_lost": lost,
        "ok": lost == 0 and max(added.values()) <= LATE_S * 1000,
    }
