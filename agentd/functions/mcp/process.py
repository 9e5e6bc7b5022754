"""An MCP server that the daemon starts: its process, and the lines it exchanges with us (MCP, "stdio transport").

The process leads a group of its own, ends with the daemon, and what it writes to standard error goes to the log, bounded.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from agentd.functions.mcp import launch
from agentd.functions.mcp.pace import Pace
from agentd.functions.workers.output import Output
from agentd.functions.workers.spawn import how_it_ended, passed_on

KILLED_S: Final = 1.0
"""What the kernel has to end a process after SIGKILL."""

_DRAIN_S: Final = 0.2

_log = structlog.get_logger("agentd.functions")


class ServerGone(Exception):
    """The server cannot be talked to any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to start.

    Attributes:
        env: what the server gets besides the daemon's harmless variables.
    """

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None


class ServerProcess:
    """One run of a server.

    Args:
        name: for the log.
        line_bytes: longest message; a longer one ends the server.
        bytes_per_s: how fast its output is read.
        log_bytes: what is kept of its standard error at a time.
        stop_s: what it has to end after its input was closed, and again after SIGTERM (MCP, "Shutdown").

    Attributes:
        exit: how it ended, if it did so by itself.
    """

    def __init__(self, name: str, *, line_bytes: int, bytes_per_s: int, log_bytes: int, stop_s: float) -> None:
        self._name = name
        self._stop_s = stop_s
        self._line_bytes = line_bytes
        self._log_bytes = log_bytes
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._output: Output | None = None
        self._reader = asyncio.StreamReader(limit=line_bytes)
        self._writer: asyncio.StreamWriter | None = None
        self._receiving: asyncio.BaseTransport | None = None
        self._sending = asyncio.Lock()
        self._pace = Pace(bytes_per_s)
        self._gone = asyncio.Event()
        self._stopping = False
        self.exit = ""

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    async def start(self, command: Command) -> None:
        """Start the program.

        Raises:
            ServerGone: no process could be started.
        """
        try:
            self._process, ours = _spawn(command)
        except OSError as error:
            raise ServerGone(f"no process could be started for it: {error.strerror}") from None
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError as error:
            # No descriptor is left: nothing would tell us of its end, so it ends here.
            for descriptor in ours:
                os.close(descriptor)
            self._kill()
            self._process.wait()
            self._process = None
            raise ServerGone(f"its process cannot be watched: {error.strerror}") from None
        self._loop.add_reader(self._pidfd, self._exited)
        self._output = Output(ours[2], file=f"[functions.mcp.{self._name}]", limit_bytes=self._log_bytes)
        self._receiving, _ = await self._loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(ours[1], "rb", 0)
        )
        transport, protocol = await self._loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(ours[0], "wb", 0)
        )
        self._writer = asyncio.StreamWriter(transport, protocol, None, self._loop)

    async def line(self) -> bytes:
        """The next line; empty at the end.

        Raises:
            ServerGone: the line is too long.
        """
        try:
            await self._pace.turn()
            line = await self._reader.readuntil(b"\n")
            self._pace.took(len(line))
            return line
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError:
            _log.error("mcp_message_too_long", server=self._name, limit_bytes=self._line_bytes)
            self._stopping = True  # how it ends now says nothing of why
            self._kill()
            raise ServerGone(f"it sent a message of more than {self._line_bytes} bytes") from None
        except OSError:
            return b""

    async def send(self, line: bytes) -> None:
        """Write a line; waits until the server has taken what went before.

        Raises:
            ServerGone: nobody reads it.
        """
        if self._writer is None or self._writer.is_closing():
            raise ServerGone(self.exit or "it does not run")
        try:
            async with self._sending:
                self._writer.write(line)
                await self._writer.drain()
        except OSError:
            raise ServerGone(self.exit or "it reads no more") from None

    def note(self) -> None:
        """Write to the log what it said on standard error until now."""
        if self._output is not None and not self._gone.is_set():
            self._output.begin(server=self._name)

    async def stop(self) -> None:
        """End it as the standard says: close its input, then SIGTERM, then SIGKILL for all it started.

        Cancelling this is SIGKILL at once.
        """
        try:
            if self._reader.at_eof():
                await self._until_gone(_DRAIN_S)  # it is ending by itself: how, is known in a moment
            self._stopping = True
            if self._writer is not None:
                self._writer.close()
            for number in (signal.SIGTERM, signal.SIGKILL):
                await self._until_gone(self._stop_s)
                self._kill(number)
            await self._until_gone(KILLED_S)
        finally:
            self._kill()
            if self._receiving is not None:
                self._receiving.close()

    async def _until_gone(self, bound_s: float) -> None:
        if self._process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                await self._gone.wait()

    def _kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _exited(self) -> None:
        if self._process is None:
            raise AssertionError("the descriptor exists only with its process")
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        # Before it is reaped its group still exists: what it left running goes with it.
        self._kill()
        how = how_it_ended(self._process.wait())
        if self._output is not None:
            self._output.close()
            how += f": {self._output.last_line}" if self._output.last_line else ""
        self.exit = "" if self._stopping else how
        # What is in the pipe is read first; a descendant that left the group may hold it open for good.
        if self._receiving is not None:
            self._loop.call_later(_DRAIN_S, self._receiving.close)
        self._gone.set()


def _spawn(command: Command) -> tuple[subprocess.Popen[bytes], list[int]]:
    """The process, and our ends of its standard input, output and error.

    Call it from the loop's own thread: the kernel's "parent is gone" signal belongs to the thread that forked.
    """
    ours: list[int] = []
    theirs: list[int] = []
    try:
        for end in range(3):
            read, write = os.pipe2(os.O_CLOEXEC)
            theirs.append(write if end else read)
            ours.append(read if end else write)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(launch.__file__)), str(os.getpid()), command.command, *command.args],
            stdin=theirs[0],
            stdout=theirs[1],
            stderr=theirs[2],
            start_new_session=True,
            cwd=command.cwd,
            env=passed_on() | dict(command.env),
        )
    except OSError:
        for descriptor in ours:
            os.close(descriptor)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
    return process, ours
