"""The daemon's end of one worker process: start it, give it one call at a time, notice at once when it is gone.

What the worker sends is not trusted: a line that is too long, no JSON or not the answer to anything ends the process.
"""

import asyncio
import contextlib
import contextvars
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from agentd.config import LimitSettings
from agentd.functions.workers.files import HandlerFile
from agentd.functions.workers.output import Output
from agentd.functions.workers.pipe import Pipe
from agentd.functions.workers.running import Running, Serve, refusal
from agentd.functions.workers.spawn import how_it_ended, spawn, why_it_ended
from agentd.functions.workers.wire import LINE_BYTES, Reply, WorkerEnd
from agentd.supervise import Nursery

LOAD_S: Final = 15.0
"""A file that has not finished loading by then is not loaded. A cold disk and a large library fit."""

GRACE_S: Final = 1.0
"""A cancelled handler has so long to clean up before its process is killed; a plain one sees ``ctx.cancelled``."""

CLOSED_S: Final = 0.5
"""A process that ends has closed its socket so long before at most."""

_log = structlog.get_logger("agentd.functions")


class WorkerGone(Exception):
    """The process ended; the text says how."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a worker gets: limits, and where it works."""

    memory_bytes: int
    processes: int
    result_bytes: int
    log_bytes: int
    log_lines: int
    log_line_chars: int

    @classmethod
    def of(cls, limits: LimitSettings) -> "Confinement":
        """As the configuration has it."""
        return cls(
            memory_bytes=limits.function_memory_bytes,
            processes=limits.function_processes,
            result_bytes=limits.function_result_bytes,
            log_bytes=limits.function_log_bytes,
            log_lines=limits.function_log_lines,
            log_line_chars=limits.function_log_line_chars,
        )


class WorkerProcess:
    """One worker process.

    Args:
        file: what it runs.
        nursery: owns the requests that are being served.
        on_exit: called once when the process is gone.

    Attributes:
        calls: calls it was given.
        ready: what it said after loading; None before.
        spent: it must not get another call.
        exit: how it ended, in words; None while it lives.
        ended_by: why it ended, or will.
    """

    def __init__(self, file: HandlerFile, *, nursery: Nursery, on_exit: Callable[["WorkerProcess"], None]) -> None:
        self.file = file
        self.calls = 0
        self.ready: dict[str, Any] | None = None
        self.spent = False
        self.exit: str | None = None
        self.ended_by: WorkerEnd | None = None
        self._nursery = nursery
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[None] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._running: Running | None = None
        self._pipe = Pipe(
            on_line=self._take,
            on_lost=self._lost,
            on_endless=lambda: self._violation("a line that does not end"),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._output: Output | None = None
        self._confinement: Confinement | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def busy(self) -> bool:
        """Whether it loads its file or has a call."""
        return self.exit is None and (self.ready is None or self._running is not None)

    async def start(self, confinement: Confinement, config: Mapping[str, Any], *, describe: bool = True) -> None:
        """Start the process and let it load its file; ``ready`` then says what the file offers.

        Args:
            config: the file's table.
            describe: whether ``ready`` holds descriptions and schemas.

        Raises:
            WorkerGone: it did not get that far; nothing is left of it.
        """
        self._confinement = confinement
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # Its output and its end are told in the log without the request in which it happened to be started.
                contextvars.Context().run(self._spawn, theirs.fileno(), confinement.log_bytes)
            ours.setblocking(False)
            await self._loop.create_unix_connection(lambda: self._pipe, sock=ours)
            order = {
                "path": str(self.file.path),
                "source": self.file.source.decode("latin-1"),
                "config": config,
                "memory_bytes": confinement.memory_bytes,
                "result_bytes": confinement.result_bytes,
                "log_lines": confinement.log_lines,
                "log_line_chars": confinement.log_line_chars,
                "load_s": LOAD_S,
                "describe": describe,
            }
            self._pipe.send({"load": order})
            async with asyncio.timeout(LOAD_S):
                await self._loaded
        except TimeoutError:
            self.kill("timeout")
            raise WorkerGone(f"it did not finish loading within {LOAD_S:g} s; do what takes long in its functions") from None
        except OSError as error:
            ours.close()
            self.kill("other")
            raise WorkerGone(f"no process could be started for it: {error}") from error
        except BaseException:
            self.kill("unused")
            raise

    def _spawn(self, channel: int, log_bytes: int) -> None:
        self._process, readable = spawn(self.file.path.parent, channel=channel)
        self._output = Output(readable, file=self.file.path.name, limit_bytes=log_bytes)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            # No descriptor is left: nothing would tell us of its end, so it ends here.
            self.kill("other")
            self._process.wait()
            self._output.close()
            self._process = None
            raise
        self._loop.add_reader(self._pidfd, self._exited)

    async def call(self, call: dict[str, Any], *, limit_s: float, serve: Serve) -> Reply:
        """Run one call to its answer; the worker must be free.

        Args:
            call: as the worker's protocol has it, with ``id`` and ``function``.
            limit_s: seconds of the handler's own time; its requests to the daemon do not count.
            serve: runs the requests the handler makes meanwhile.

        Raises:
            TimeoutError: the limit passed; see ``stand_down``.
            WorkerGone: the process ended.
        """
        if self._running is not None or self.exit is not None or self._output is None or self._confinement is None:
            raise WorkerGone(self.exit or "it is busy")
        self._running = running = Running(
            call,
            limit_s=limit_s,
            serve=serve,
            send=self._pipe.send,
            nursery=self._nursery,
            file=self.file.path.name,
            log_lines=self._confinement.log_lines,
            log_line_chars=self._confinement.log_line_chars,
        )
        self.calls += 1
        self._output.begin(**running.facts)
        try:
            if not self._pipe.send({"call": {**call, "limit_s": limit_s}}):
                self._running = None
                return Reply("invalid", f"they are too large: a call has at most {LINE_BYTES} bytes")
            reply = await running.done
        finally:
            running.close()
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def stand_down(self, why: WorkerEnd) -> None:
        """After a call that was cut short: let the handler clean up for a second, then kill the process."""
        running = self._running
        if running is not None and self.exit is None:
            self._pipe.send({"cancel": running.id})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await running.over.wait()
        if self._running is not None:
            self.kill(why)

    def kill(self, why: WorkerEnd) -> None:
        """End the process and everything it started; the first reason counts."""
        self.spent = True
        self._pipe.stop_listening()
        if self._process is not None and self._process.returncode is None:
            self.ended_by = self.ended_by or why
            self._kill_group()

    def _kill_group(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def gone(self, *, bound_s: float = 2.0) -> None:
        """Wait until the process is gone and reaped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                await self._gone.wait()

    # What the worker says

    def _take(self, line: bytearray) -> None:
        # What the worker says is about its call, not about the request in which the process happened to be started.
        structlog.contextvars.clear_contextvars()
        try:
            message = orjson.loads(line)
            if "done" in message:
                self._finish(message)
            elif "request" in message:
                self._request(message["request"], message["call"], message["op"], message["arguments"])
            elif "log" in message:
                self._logged(message)
            elif "ready" in message and not self._loaded.done():
                self.ready = message["ready"]
                self._loaded.set_result(None)
            else:
                self._violation("a message of no known kind")
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            self._violation(f"{type(error).__name__} in a message")

    def _finish(self, message: dict[str, Any]) -> None:
        running = self._running
        if running is None or message["done"] != running.id:
            self._violation("the end of a call it was not given")
            return
        self._running = None
        if message.get("spent"):
            self.spent, self.ended_by = True, "memory" if message["spent"] == "memory" else "cancelled"
        running.log.dropped(message.get("unlogged"))
        running.over.set()
        if self._output is not None:
            self._output.end()
        running.settle(Reply(outcome=message["outcome"], value=message["value"]))

    def _logged(self, message: dict[str, Any]) -> None:
        if self._running is not None and self._running.id == message["log"]:
            self._running.log.write(message["level"], message["text"])

    def _request(self, number: int, call_id: str, operation: str, arguments: dict[str, Any]) -> None:
        if self._running is not None and self._running.id == call_id:
            self._running.request(number, operation, arguments)
        else:
            self._pipe.send(refusal(number, "the call is over"))

    def _violation(self, what: str) -> None:
        _log.error("function_worker_violation", file=self.file.path.name, pid=self.pid, what=what)
        self.kill("protocol")

    # The end

    def _lost(self) -> None:
        """The socket is closed: the process is ending, and then that tells why; or a handler closed it, and it ends here."""
        self.spent = True
        self._loop.call_later(CLOSED_S, self.kill, "protocol")

    def _exited(self) -> None:
        if self._process is None:
            raise AssertionError("the descriptor exists only with its process")
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.spent = True
        # Before it is reaped its group still exists: what it left running goes with it.
        self._kill_group()
        returncode = self._process.wait()
        self.exit, self.ended_by = how_it_ended(returncode), self.ended_by or why_it_ended(returncode)
        self._pipe.abort()
        if self._output is not None:
            self._output.close()
        if not self._loaded.done():
            said = self._output.last_line if self._output is not None else ""
            self._loaded.set_exception(WorkerGone(f"{self.exit} while loading{said and ': '}{said}"))
        running, self._running = self._running, None
        if running is not None:
            running.over.set()
            running.settle(WorkerGone(self.exit))
        self._gone.set()
        self._on_exit(self)
