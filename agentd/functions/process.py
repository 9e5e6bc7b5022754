"""The daemon's end of one worker process: start it, give it one call at a time, notice at once when it is gone.

What the worker sends is not trusted: a line that is too long, no JSON or not the answer to anything ends the process.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
import structlog

from agentd.functions.deadline import Deadline
from agentd.functions.files import HandlerFile
from agentd.functions.output import Output
from agentd.functions.spawn import how_it_ended, spawn
from agentd.functions.wire import LINE_BYTES, OPEN_REQUESTS, Reply
from agentd.supervise import Nursery

LOAD_S: Final = 15.0
"""A file that has not finished loading by then is not loaded. A cold disk and a large library fit."""

GRACE_S: Final = 1.0
"""A cancelled handler has so long to clean up before its process is killed."""

Serve = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Runs one request of a handler; raises Refused."""

_log = structlog.get_logger("agentd.functions")


class Refused(Exception):
    """A handler's request is not done; the text says why."""


class WorkerGone(Exception):
    """The process ended; the text says how."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a worker gets: limits, and where it works."""

    memory_bytes: int
    result_bytes: int
    log_bytes: int


@dataclass(slots=True)
class _Running:
    """The call in progress: ``done`` is for the caller, ``over`` for whoever needs the worker next."""

    call_id: str
    serve: Serve
    deadline: Deadline
    done: asyncio.Future[Reply | Exception]
    over: asyncio.Event
    requests: int = 0


class WorkerProcess(asyncio.Protocol):
    """One worker process.

    Args:
        file: what it runs.
        nursery: owns the requests that are being served.
        on_exit: called once when the process is gone.

    Attributes:
        calls: calls it was given.
        ready: what it said after loading; None before.
        spent: it must not get another call.
    """

    def __init__(self, file: HandlerFile, *, nursery: Nursery, on_exit: Callable[["WorkerProcess"], None]) -> None:
        self.file = file
        self.calls = 0
        self.ready: dict[str, Any] | None = None
        self.spent = False
        self.exit: str | None = None
        self._nursery = nursery
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[None] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._running: _Running | None = None
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._output: Output | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    async def start(self, confinement: Confinement, config: Mapping[str, Any]) -> None:
        """Start the process and let it load its file; ``ready`` then says what the file offers.

        Raises:
            WorkerGone: it did not get that far; nothing is left of it.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._spawn(theirs.fileno(), confinement.log_bytes)
            ours.setblocking(False)
            await self._loop.create_unix_connection(lambda: self, sock=ours)
            order = {
                "path": str(self.file.path),
                "source": self.file.source.decode("latin-1"),
                "config": config,
                "memory_bytes": confinement.memory_bytes,
                "result_bytes": confinement.result_bytes,
                "load_s": LOAD_S,
            }
            self._send({"load": order})
            async with asyncio.timeout(LOAD_S):
                await self._loaded
        except TimeoutError:
            self.kill()
            raise WorkerGone(f"it did not finish loading within {LOAD_S:g} s") from None
        except OSError as error:
            ours.close()
            self.kill()
            raise WorkerGone(f"no process could be started for it: {error}") from error
        except BaseException:
            self.kill()
            raise

    def _spawn(self, channel: int, log_bytes: int) -> None:
        self._process, readable = spawn(self.file.path.parent, channel=channel)
        self._output = Output(readable, file=self.file.path.name, limit_bytes=log_bytes)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            # No descriptor is left: nothing would tell us of its end, so it ends here.
            self.kill()
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
        if self._running is not None or self.exit is not None or self._output is None:
            raise WorkerGone(self.exit or "it is busy")
        # Holds an exception as a value: nobody may be left to fetch it.
        done: asyncio.Future[Reply | Exception] = self._loop.create_future()
        deadline = Deadline(limit_s, lambda: _settle(done, TimeoutError()))
        self._running = _Running(call["id"], serve, deadline, done, asyncio.Event())
        self.calls += 1
        self._output.begin(function=call["function"], call_id=call["id"], session_id=call["session_id"])
        self._send({"call": {**call, "limit_s": limit_s}})
        try:
            reply = await done
        finally:
            deadline.stop()
            # From here on the handler's requests are refused: its call is settled.
            done.cancel()
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def stand_down(self, *, kill: bool) -> None:
        """After a call that was cut short: let the handler clean up for a second, then kill the process.

        Args:
            kill: at once; for handlers in a thread, which nothing else can stop.
        """
        running = self._running
        if running is not None and not kill and self.exit is None:
            self._send({"cancel": running.call_id})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await running.over.wait()
        if self._running is not None:
            self.kill()

    def kill(self) -> None:
        """End the process and everything it started."""
        self.spent = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def gone(self, *, bound_s: float = 2.0) -> None:
        """Wait until the process is gone and reaped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                await self._gone.wait()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The channel is there."""
        # Not isinstance: uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the worker: take the whole lines out."""
        if b"\n" not in data:
            self._received += data
        else:
            *lines, rest = (self._received + data).split(b"\n")
            self._received = rest
            for line in lines:
                if not self.spent:
                    self._take(line)
        if len(self._received) > LINE_BYTES:
            self._violation("a line that does not end")

    def connection_lost(self, exc: Exception | None) -> None:
        """The worker closed the channel: it can do nothing for us any more."""
        self.kill()

    # What the worker says

    def _take(self, line: bytearray) -> None:
        try:
            message = orjson.loads(line)
            if "done" in message:
                self._finish(message)
            elif "request" in message:
                self._request(message["request"], message["call"], message["op"], message["arguments"])
            elif "ready" in message and not self._loaded.done():
                self.ready = message["ready"]
                self._loaded.set_result(None)
            else:
                self._violation("a message of no known kind")
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            self._violation(f"{type(error).__name__} in a message")

    def _finish(self, message: dict[str, Any]) -> None:
        running = self._running
        if running is None or message["done"] != running.call_id:
            self._violation("the end of a call it was not given")
            return
        self._running = None
        self.spent = self.spent or bool(message.get("spent"))
        running.over.set()
        if self._output is not None:
            self._output.end()
        _settle(running.done, Reply(outcome=message["outcome"], value=message["value"]))

    def _request(self, number: int, call_id: str, operation: str, arguments: dict[str, Any]) -> None:
        running = self._running
        if running is None or running.call_id != call_id or running.done.done():
            self._send({"answer": number, "refused": "the call is over"})
            return
        if running.requests >= OPEN_REQUESTS:
            self._send({"answer": number, "refused": f"more than {OPEN_REQUESTS} requests at once"})
            return
        running.requests += 1
        running.deadline.pause()
        self._nursery.start(self._serve(running, number, operation, arguments), name=f"functions:{self.file.name}:{operation}")

    async def _serve(self, running: _Running, number: int, operation: str, arguments: dict[str, Any]) -> None:
        try:
            answer = {"answer": number, "value": await running.serve(operation, arguments)}
        except Refused as refused:
            answer = {"answer": number, "refused": str(refused)}
        except Exception:  # noqa: BLE001 - part of the function runner's guard: a handler must get an answer
            _log.exception("function_request_failed", file=self.file.path.name, operation=operation)
            answer = {"answer": number, "refused": f"{operation} failed because of an internal error"}
        finally:
            running.requests -= 1
            running.deadline.resume()
        self._send(answer)

    def _violation(self, what: str) -> None:
        _log.error("function_worker_violation", file=self.file.path.name, pid=self.pid, what=what)
        self.kill()

    def _send(self, message: dict[str, Any]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(orjson.dumps(message) + b"\n")

    # The end

    def _exited(self) -> None:
        if self._process is None:
            raise AssertionError("the descriptor exists only with its process")
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        # Before it is reaped its group still exists: what it left running goes with it.
        self.kill()
        self.exit = how_it_ended(self._process.wait())
        if self._transport is not None:
            self._transport.abort()
        if self._output is not None:
            self._output.close()
        if not self._loaded.done():
            said = self._output.last_line if self._output is not None else ""
            self._loaded.set_exception(WorkerGone(f"{self.exit} while loading{said and ': '}{said}"))
        running, self._running = self._running, None
        if running is not None:
            running.over.set()
            _settle(running.done, WorkerGone(self.exit))
        self._gone.set()
        self._on_exit(self)


def _settle(done: asyncio.Future[Reply | Exception], how: Reply | Exception) -> None:
    """The first way to settle a call is the one that counts."""
    if not done.done():
        done.set_result(how)
