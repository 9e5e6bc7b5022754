"""A call in progress in a worker process: the requests that its handler makes, its time limit, its end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from agentd.functions.workers.call_log import CallLog
from agentd.functions.workers.deadline import Deadline
from agentd.functions.workers.wire import LINE_BYTES, OPEN_REQUESTS, Reply
from agentd.supervise import Nursery

Serve = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Runs one request of a handler; raises Refused."""

_log = structlog.get_logger("agentd.functions")


class Refused(Exception):
    """A handler's request is not done; the text says why."""


class Running:
    """The call that a worker has at hand.

    Args:
        call: as the worker's protocol has it, with ``id`` and ``function``.
        limit_s: seconds of the handler's own time; its requests to the daemon do not count.
        serve: runs the requests the handler makes meanwhile.
        send: sends a message to the worker; False when it is too long.
        log_lines, log_line_chars: most that it may write to the log.

    Attributes:
        done: for the caller; holds an exception as a value, because nobody may be left to fetch it.
        over: for whoever needs the worker next.
    """

    def __init__(
        self,
        call: Mapping[str, Any],
        *,
        limit_s: float,
        serve: Serve,
        send: Callable[[Mapping[str, Any]], bool],
        nursery: Nursery,
        file: str,
        log_lines: int,
        log_line_chars: int,
    ) -> None:
        self.id: str = call["id"]
        self.facts: dict[str, str | None] = {
            "function": call["function"],
            "call_id": call["id"],
            "session_id": call["session_id"],
        }
        self.log = CallLog(log_lines, log_line_chars, **self.facts)
        self.done: asyncio.Future[Reply | Exception] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self._deadline = Deadline(limit_s, lambda: self.settle(TimeoutError()))
        self._serve = serve
        self._send = send
        self._nursery = nursery
        self._file = file
        self._requests = 0

    def settle(self, how: Reply | Exception) -> None:
        """The first way to settle a call is the one that counts."""
        if not self.done.done():
            self.done.set_result(how)

    def close(self) -> None:
        """Nobody waits any more: from here on the handler's requests are refused."""
        self._deadline.stop()
        self.done.cancel()

    def request(self, number: int, operation: str, arguments: dict[str, Any]) -> None:
        """The handler asks for something; it is answered by number, later."""
        if self.done.done():
            self._send(refusal(number, "the call is over"))
            return
        if self._requests >= OPEN_REQUESTS:
            self._send(refusal(number, f"more than {OPEN_REQUESTS} requests at once"))
            return
        self._requests += 1
        self._deadline.pause()
        self._nursery.start(self._answer(number, operation, arguments), name=f"functions:{self._file}:{operation}")

    async def _answer(self, number: int, operation: str, arguments: dict[str, Any]) -> None:
        try:
            answer: dict[str, Any] = {"answer": number, "value": await self._serve(operation, arguments)}
        except Refused as refused:
            answer = refusal(number, str(refused))
        except Exception:  # noqa: BLE001 - part of the function runner's guard: a handler must get an answer
            _log.exception("function_request_failed", file=self._file, operation=operation)
            answer = refusal(number, f"{operation} failed because of an internal error")
        finally:
            self._requests -= 1
            self._deadline.resume()
        if not self._send(answer):
            self._send(refusal(number, f"the answer to {operation} is too large: at most {LINE_BYTES} bytes"))


def refusal(number: int, why: str) -> dict[str, Any]:
    """The answer to a request that is not done."""
    return {"answer": number, "refused": why}
