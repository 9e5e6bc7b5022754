"""The worker process: runs the handlers of one file, one call at a time, and talks JSON lines with the daemon.

    daemon → worker   {"load": {path, source, config, …}}            once, first
                      {"call": {id, function, arguments, …}} · {"cancel": id}
                      {"call": {…, "check": true}}                   the result is the arguments as read; nothing runs
                      {"answer": n, "value": …} · {"answer": n, "refused": text}
    worker → daemon   {"ready": {functions, problems, missing}}    once, first
                      {"done": id, "outcome": "result|error|ask|invalid|failed|cancelled", "value": …,
                       "spent": "task" when something of the call still runs, "memory" when there was none left,
                       "unlogged": lines}
                      {"request": n, "call": id, "op": "say", "arguments": {…}}
                      {"log": id, "level": "info", "text": …}

The lines go over a socket of their own, so that what a handler prints is never taken for one. Started as
``python -I -u -m agentd.functions.workers.worker <descriptor> <daemon's process id>``; ends with the daemon.
"""

import asyncio
import contextlib
import contextvars
import itertools
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from agentd.functions.call import InvalidArguments
from agentd.functions.context import CallContext
from agentd.functions.declare import AskUser, FunctionError
from agentd.functions.workers.confine import CpuLimit, confine
from agentd.functions.workers.encoding import Unanswerable, encode, encode_request
from agentd.functions.workers.loader import load
from agentd.functions.workers.logged import CallLogHandler, log_forgotten_await
from agentd.functions.workers.pipe import Pipe
from agentd.functions.workers.schema import Handler
from agentd.functions.workers.wire import LINE_BYTES, OPEN_REQUESTS

_log = logging.getLogger("functions")

_HERE: Final = str(Path(__file__).parent)

CPU_RESERVE_S: Final = 5.0
"""On top of a call's time limit, for native code on several cores and for what goes on between calls."""


@dataclass(slots=True)
class _Running:
    """The call in progress.

    Attributes:
        in_thread: the handler is a plain function, which cannot be stopped but may look at ``cancelled``.
        is_cancelled: nobody waits for its result any more.
    """

    id: str
    task: asyncio.Task[None] | None = None
    in_thread: bool = False
    is_cancelled: bool = False
    _cancelled: threading.Event | None = None

    @property
    def cancelled(self) -> threading.Event:
        """``is_cancelled`` for the handler; made when it is asked for, which takes as long as reading the arguments."""
        if self._cancelled is None:
            self._cancelled = threading.Event()
        return self._cancelled

    def cancel(self) -> None:
        """Tell it, and the handler."""
        self.is_cancelled = True
        self.cancelled.set()


class Worker:
    """Runs calls, one at a time, for as long as the daemon is there."""

    def __init__(
        self, handlers: dict[str, Handler], *, config: dict[str, Any], result_bytes: int, log_lines: int, log_line_chars: int
    ) -> None:
        self._handlers = handlers
        self._config = config
        self._result_bytes = result_bytes
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="handler")
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._gone = asyncio.Event()
        # Not a StreamReader: it hands each line over to another task, which is a good part of what a trivial call takes.
        self._pipe = Pipe(on_line=lambda line: self._take(orjson.loads(line)), on_lost=self._gone.set, on_endless=self._gone.set)
        self._running = _Running("")
        self._cpu = CpuLimit()
        self._log = CallLogHandler(self._send, lines=log_lines, chars=log_line_chars)

    async def serve(self, channel: socket.socket) -> None:
        """Work until the daemon closes its end."""
        logger = logging.getLogger("functions")
        logger.addHandler(self._log)
        logger.propagate = False
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self._pipe, sock=channel)
            await self._gone.wait()
        finally:
            logger.removeHandler(self._log)
            self._pipe.abort()
            self._threads.shutdown(wait=False)

    def _take(self, message: dict[str, Any]) -> None:
        if "call" in message:
            handler = self._handlers.get(message["call"]["function"])
            self._running = _Running(message["call"]["id"], in_thread=handler is not None and not handler.is_async)
            self._running.task = _start(self._run(message["call"]))
        elif "cancel" in message and message["cancel"] == self._running.id:
            self._cancel(self._running)
        elif "answer" in message:
            self._answered(message)

    def _cancel(self, running: _Running) -> None:
        running.cancel()
        if running.in_thread:
            # It waits for nothing any more; ending is up to the handler, and the daemon does not wait long.
            for waiting in self._answers.values():
                _fail(waiting, "the call is over")
        elif running.task is not None:
            # Not at once: a task cancelled before its first step would end without a word.
            asyncio.get_running_loop().call_soon(running.task.cancel)

    async def _run(self, call: dict[str, Any]) -> None:
        before = asyncio.all_tasks()
        self._log.begin(call["id"])
        outcome, value = await self._outcome(call)
        done = {"done": call["id"], "outcome": outcome, "value": value}
        left = asyncio.all_tasks() - before
        if left and await _still_run(left):
            done["spent"] = "task"
        elif outcome == "failed" and str(value).startswith("MemoryError"):
            done["spent"] = "memory"
        if self._log.dropped:
            done["unlogged"] = self._log.dropped
        if not self._send(done):
            self._send(done | {"outcome": "error", "value": f"The result is too large: at most {LINE_BYTES} bytes."})

    async def _outcome(self, call: dict[str, Any]) -> tuple[str, Any]:
        """Run one call. Whatever the handler does short of ending the process becomes an outcome."""
        self._cpu.allow(call["limit_s"] + CPU_RESERVE_S)
        try:
            handler = self._handlers[call["function"]]
            if call.get("check"):
                return "result", handler.canonical(call["arguments"])
            arguments = handler.read(call["arguments"])
            if handler.context is not None:
                arguments[handler.context] = self._context(call, handler)
            return "result", orjson.Fragment(encode(await self._invoke(handler, arguments), self._result_bytes))
        except InvalidArguments as error:
            return "invalid", self._text(error)
        except AskUser as ask:
            return "ask", {"question": self._text(ask.question), "argument": ask.argument and self._text(ask.argument)}
        except (FunctionError, Unanswerable) as error:
            return "error", self._text(error)
        except asyncio.CancelledError:
            return "cancelled", None
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything, SystemExit included
            from agentd.functions.workers.remedies import place, print_own, remedy  # noqa: PLC0415 - only where something is wrong

            print_own(error)
            known = remedy(error, Path.cwd())
            # Only the place: what the error says may hold a user's words, and is printed.
            _log.error("%s at %s%s", type(error).__name__, place(error), f"; {known}" if known else "")
            return "failed", self._text(f"{type(error).__name__}: {error}")

    def _text(self, text: object) -> str:
        """A handler's words, cut to the limit and without the halves of characters that no JSON can carry."""
        return str(text)[: self._result_bytes].encode("utf-8", "replace").decode()

    async def _invoke(self, handler: Handler, arguments: dict[str, Any]) -> Any:
        if handler.is_async:
            return await handler.call(**arguments)
        # A plain function may block, so it gets a thread; it cannot be cancelled there, only told.
        if self._running.is_cancelled:
            raise asyncio.CancelledError
        inside = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: inside.run(handler.call, **arguments))

    def _context(self, call: dict[str, Any], handler: Handler) -> CallContext:
        call_id: str = call["id"]
        places = asyncio.Semaphore(OPEN_REQUESTS)

        async def ask(operation: str, arguments: dict[str, Any]) -> Any:
            async with places:
                return await self._ask(call_id, operation, arguments)

        return CallContext(
            call_id=call_id,
            function=handler.name,
            session_id=call["session_id"],
            run_id=call["run_id"],
            agent=call["agent"],
            metadata=call["metadata"],
            config=self._config,
            ask=ask,
            cancelled=self._running.cancelled,
            loop=None if handler.is_async else asyncio.get_running_loop(),
        )

    async def _ask(self, call_id: str, operation: str, arguments: dict[str, Any]) -> Any:
        number = next(self._numbers)
        line = {"request": number, "call": call_id, "op": operation, "arguments": orjson.Fragment(encode_request(arguments))}
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(line)
            return await answer
        finally:
            del self._answers[number]

    def _answered(self, answer: dict[str, Any]) -> None:
        waiting = self._answers.get(answer["answer"])
        if waiting is None:
            return
        if "refused" in answer:
            _fail(waiting, answer["refused"])
        elif not waiting.done():
            waiting.set_result(answer.get("value"))

    def _send(self, message: dict[str, Any]) -> bool:
        return self._pipe.send(message)


def _fail(waiting: asyncio.Future[Any], why: str) -> None:
    if not waiting.done():
        waiting.set_exception(FunctionError(why))


async def _still_run(left: set[asyncio.Task[Any]]) -> bool:
    """End the tasks a handler left: nothing of a call outlives it. True when one ignores that."""
    for task in left:
        task.cancel()
    _, deaf = await asyncio.wait(left, timeout=0.1)
    return bool(deaf)


def _start(run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    # Not from agentd.supervise: its logging is the daemon's, and this process ends rather than outlive a fault.
    return asyncio.get_running_loop().create_task(run, name="call")


def _first_line(channel: socket.socket) -> bytes:
    """The daemon sends one line and waits; nothing after it can be lost."""
    line = bytearray()
    while not line.endswith(b"\n"):
        part = channel.recv(65_536)
        if not part or len(line) > LINE_BYTES:
            sys.exit("the daemon did not say what to load")
        line += part
    return bytes(line)


def main() -> None:
    """Load, report, serve; the process ends when the daemon's end of the channel closes."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(descriptor, False)
    channel = socket.socket(fileno=descriptor)
    order = orjson.loads(_first_line(channel))["load"]
    confine(parent=parent, memory_bytes=order["memory_bytes"])
    # A fork of the handler's must neither speak on the channel nor keep it open.
    os.register_at_fork(after_in_child=lambda: _close(descriptor))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C on a terminal is the daemon's to handle
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    warnings.showwarning = log_forgotten_await
    CpuLimit().allow(order["load_s"] + CPU_RESERVE_S)
    loaded = load(Path(order["path"]), order["source"].encode("latin-1"), order["config"], describe=order["describe"])
    channel.sendall(orjson.dumps({"ready": loaded.report()}) + b"\n")
    if loaded.faults or loaded.missing:
        return
    own = os.getpid()
    worker = Worker(
        loaded.handlers,
        config=order["config"],
        result_bytes=order["result_bytes"],
        log_lines=order["log_lines"],
        log_line_chars=order["log_line_chars"],
    )
    uvloop.run(worker.serve(channel))
    # Threads and children of a handler may still run; they must not outlive a daemon that has let go.
    if os.getpid() == own:
        os.killpg(own, signal.SIGKILL)
    os._exit(0)


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


if __name__ == "__main__":
    main()
