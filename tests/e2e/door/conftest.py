"""A real daemon with a scripted upstream, shared by the tests that leave it as it was; and raw sockets to speak to it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.scripted import ScriptedEngine, scripted_engine

SCRIPT = {"greeting_audio_s": 0.0, "default": {"say": "I heard: {text}", "audio_s": 0.2}}


def upstream(peer: ScriptedEngine) -> str:
    """Configuration of a daemon whose Deepgram is ``peer``."""
    return (
        f"[engine]\nmode = 'never'\n[deepgram]\napi_key = '{peer.key}'\nagent_url = '{peer.url}'\nrest_url = '{peer.http_url}'\n"
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back down a raw socket.

    Attributes:
        status: of the first answer; None when the connection was closed without one.
        raw: everything.
    """

    status: int | None
    raw: bytes

    def count(self, status: int) -> int:
        """Answers with that status."""
        return len(re.findall(rb"HTTP/1\.[01] %d " % status, self.raw))


@dataclass(frozen=True, slots=True)
class Wire:
    """A daemon, spoken to byte by byte."""

    daemon: DaemonProcess
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def head(self, line: str, *headers: str, host: str | None = None, token: str | None = "") -> bytes:
        """A request's head; ``token=None`` sends none, the daemon's own otherwise."""
        own = [] if token is None else [f"Authorization: Bearer {token or self.daemon.token}"]
        return "\r\n".join([f"{line} HTTP/1.1", f"Host: {host or self.host}", *own, *headers, "", ""]).encode()

    async def send(self, *pieces: bytes, quiet_s: float = 1.0, enough: int = 1) -> Reply:
        """Send and read until the daemon closes, ``enough`` answers have begun, or nothing has come for ``quiet_s``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        received = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            while received.count(b"HTTP/1.") < enough or b"\r\n\r\n" not in received:
                async with asyncio.timeout(quiet_s):
                    if not (chunk := await reader.read(65536)):
                        break
                    received += chunk
        except (TimeoutError, ConnectionError):
            pass  # what has come is the answer
        finally:
            writer.close()
        first = received.split(b" ", 2)
        return Reply(int(first[1]) if received.startswith(b"HTTP/1.") else None, received)

    async def resident_kib(self) -> int:
        """Memory of the daemon, as it tells itself: nobody else may look into its process."""
        return round(await self._metric("process_resident_memory_bytes") / 1024)

    async def descriptors(self) -> int:
        """Open files of the daemon."""
        return round(await self._metric("process_open_fds"))

    async def _metric(self, name: str) -> float:
        text = (await self.daemon.call("GET", "/metrics")).body.decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))

    def log(self) -> str:
        """What the daemon has logged."""
        return (self.daemon.state_dir.parent / "log.jsonl").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    """The shared daemon, with a live session ``kitchen``."""
    folder, limits = tmp_path_factory.mktemp("door"), "[limits]\nrequest_read_s = 3\n"
    async with scripted_engine(SCRIPT) as peer, daemon_process(folder, upstream(peer) + limits) as daemon:
        made = Wire(daemon, int(daemon.url.rpartition(":")[2]))
        assert (await daemon.call("PUT", "/v1/sessions/kitchen")).status == 201
        yield made
        # Whatever was done to it: it serves, nothing is left open, and nothing went wrong inside.
        assert (await daemon.call("GET", "/v1/sessions/kitchen")).json["state"] == "active"
        assert '"level": "error"' not in made.log()
