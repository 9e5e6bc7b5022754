"""The worker's side of the protocol, spoken to over a socket in this process."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from agentd.functions.workers.schema import Fault, Handler
from agentd.functions.workers.worker import Worker
from agentd.supervise import Nursery

Load = Callable[[str], tuple[dict[str, Handler], list[Fault]]]

SOURCE = """
import asyncio
from agentd.functions import AskUser, CallContext, FunctionError, function

@function(tier="read")
async def tell(ctx: CallContext) -> str:
    "Store and tell."
    return await ctx.store.get("word", "nothing")

@function(tier="read")
def plain(ctx: CallContext) -> str:
    "From a thread."
    ctx.wait(ctx.say("Hello."))
    return "said"

@function(tier="read")
async def wait() -> None:
    "Wait."
    await asyncio.sleep(60)

@function(tier="read")
async def ask() -> None:
    "Ask."
    raise AskUser("Which?", argument="room")

@function(tier="read")
async def fail(how: str) -> None:
    "Fail."
    raise FunctionError("no") if how == "in words" else KeyError(how)
"""


class Daemon:
    """The other end of the channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, **message: Any) -> None:
        self._writer.write(orjson.dumps(message) + b"\n")

    def call(self, function: str, call_id: str = "1", **arguments: Any) -> None:
        facts = {"session_id": "s", "run_id": "r", "agent": "a", "metadata": {}, "limit_s": 5}
        self.send(call={"id": call_id, "function": function, "arguments": arguments, **facts})

    async def receive(self) -> Any:
        async with asyncio.timeout(30):
            return orjson.loads(await self._reader.readline())

    async def done(self) -> tuple[str, Any]:
        while "log" in (message := await self.receive()):
            pass
        return message["outcome"], message["value"]


@pytest.fixture
async def daemon(load_source: Load, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Daemon]:
    # The limit would hold for the test process.
    monkeypatch.setattr("agentd.functions.workers.worker.CpuLimit.allow", lambda *_: None)
    handlers, faults = load_source(SOURCE)
    assert not faults
    ours, theirs = socket.socketpair()
    nursery = Nursery()
    worker = Worker(handlers, config={}, result_bytes=1000, log_lines=10, log_line_chars=100)
    serving = nursery.start(worker.serve(theirs), name="serve")
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    yield Daemon(reader, writer)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(30):
        await serving
    theirs.close()


async def test_a_request_of_the_handler_is_answered_by_number(daemon: Daemon) -> None:
    daemon.call("tell")
    request = await daemon.receive()
    assert request == {"request": 1, "call": "1", "op": "store.get", "arguments": {"key": "word"}}
    daemon.send(answer=99, value="for nobody")
    daemon.send(answer=1, value={"value": "hello"})
    assert await daemon.done() == ("result", "hello")


async def test_a_refused_request_fails_the_call_in_words(daemon: Daemon) -> None:
    daemon.call("tell")
    await daemon.receive()
    daemon.send(answer=1, refused="the disk is full")
    assert await daemon.done() == ("error", "the disk is full")


async def test_a_plain_function_waits_for_its_requests_in_its_thread(daemon: Daemon) -> None:
    daemon.call("plain")
    request = await daemon.receive()
    assert request["op"] == "say"
    daemon.send(answer=request["request"], value=None)
    assert await daemon.done() == ("result", "said")


async def test_a_cancelled_call_ends_and_the_next_one_runs(daemon: Daemon) -> None:
    daemon.call("wait")
    daemon.send(cancel="another")
    daemon.send(cancel="1")
    assert await daemon.done() == ("cancelled", None)
    daemon.call("ask", "2")
    assert await daemon.done() == ("ask", {"question": "Which?", "argument": "room"})


async def test_a_plain_function_that_is_cancelled_before_it_began_does_not_begin(daemon: Daemon) -> None:
    daemon.call("plain")
    daemon.send(cancel="1")
    assert await daemon.done() == ("cancelled", None)


async def test_a_plain_function_that_is_cancelled_is_not_over_before_its_thread_is(daemon: Daemon) -> None:
    daemon.call("plain")
    assert (await daemon.receive())["op"] == "say"
    daemon.send(cancel="1")
    assert await daemon.done() == ("error", "the call is over")


async def test_every_way_to_fail_is_told_apart(daemon: Daemon) -> None:
    daemon.call("fail", how="in words")
    assert await daemon.done() == ("error", "no")
    daemon.call("fail", how="by accident")
    assert await daemon.done() == ("failed", "KeyError: 'by accident'")
    daemon.call("fail")
    assert await daemon.done() == ("invalid", "how is required")


def test_a_worker_does_not_load_what_is_the_daemons() -> None:
    """Each of them takes a tenth of a start and of the memory, in every process."""
    code = "import sys, agentd.functions.workers.worker; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"structlog", "aiohttp", "prometheus_client", "agentd.config", "agentd.store", "agentd.metrics"} & set(loaded)
