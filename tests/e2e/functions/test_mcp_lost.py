"""MCP servers over HTTP that go away while nobody calls them: how that is noticed, and what becomes of the next call."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from tests.support.handlers import Bench, eventually, within
from tests.support.mcp_servers import STARTS_S, everything_over_http, modern_over_http, needs_everything, told, up

pytestmark = pytest.mark.e2e

NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
NEVER_S = 600.0
"""Nothing is looked at by the clock: what is noticed is noticed otherwise."""


class Plain:
    """A server that answers each request with JSON and has no streams; what it knows and does is in the hands of the test.

    Attributes:
        sessions: that it knows.
        ran: tools that it ran.
        after: what it does with a call that it has run: ``answer``, ``wait`` until ``released``, ``break`` the connection,
            ``forget`` the rest of the answer (404 to whoever fetches it), say ``nonsense``, or too much (``long``).
    """

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.begun = 0
        self.ran: list[str] = []
        self.tools = [{"name": "act", "description": "Act.", "inputSchema": NOTHING}]
        self.after = "answer"
        self.released = asyncio.Event()
        self.fetched = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET" and "Last-Event-ID" in request.headers:
            self.fetched += 1
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(status=405)
        asked = await request.json()
        method, number = asked["method"], asked.get("id")
        if method == "server/discover":
            return self._error(number, -32601, status=200)
        if method == "initialize":
            return self._begin(asked)
        if request.headers.get("Mcp-Session-Id") not in self.sessions:
            return self._error(number, -32001, status=404)
        if method == "tools/list":
            return self._result(number, {"tools": self.tools})
        return web.Response(status=202) if number is None else await self._run(request, asked)

    def _begin(self, asked: dict[str, Any]) -> web.Response:
        self.begun += 1
        session = f"session-{self.begun}"
        self.sessions.add(session)
        about = {"protocolVersion": "2025-06-18", "serverInfo": {"name": "plain", "version": "1"}}
        return self._result(asked["id"], about | {"capabilities": {"tools": {}}}, {"Mcp-Session-Id": session})

    async def _run(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        self.ran.append(asked["params"]["name"])
        if self.after == "wait":
            await self.released.wait()
        if self.after == "nonsense":
            return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "words": "my diary"})
        if self.after == "long":
            return web.json_response({"words": "my diary" * 200_000})
        if self.after == "break":
            assert request.transport is not None
            request.transport.abort()
        if self.after == "forget":
            stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await stream.prepare(request)
            await stream.write(b"id: 1\nretry: 1\ndata:\n\n")
            return stream
        return self._result(asked["id"], {"content": [{"type": "text", "text": f"did it in {self.begun}"}]})

    def _result(self, number: Any, result: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
        return web.json_response({"jsonrpc": "2.0", "id": number, "result": result}, headers=headers)

    def _error(self, number: Any, code: int, *, status: int) -> web.Response:
        return web.json_response(
            {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": "No such thing"}}, status=status
        )


@asynccontextmanager
async def listening(server: Plain, port: int) -> AsyncIterator[None]:
    """The server on this port, which is closed with all its connections afterwards."""
    app = web.Application()
    app.router.add_route("*", "/mcp", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
def plain(bench: Bench, unused_tcp_port: int) -> Plain:
    """A server, and a bench that is told of it."""
    bench.limits = {"mcp_look_s": NEVER_S}
    bench.allowed_endpoints = [f"http://127.0.0.1:{unused_tcp_port}"]
    bench.config["mcp"] = {"plain": {"url": f"http://127.0.0.1:{unused_tcp_port}/mcp", "tools": {"act": "low"}}}
    return Plain()


async def test_a_server_that_was_restarted_meanwhile_gets_the_call_once(bench: Bench, plain: Plain, unused_tcp_port: int) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        plain.sessions.clear()
        outcome = await within(STARTS_S, bench.call("act"))
        assert (outcome.outcome, outcome.result) == ("ok", "did it in 2")
        assert plain.ran == ["act"]
        await bench.close()
        del bench.functions


async def test_a_call_that_reaches_nobody_is_told_that_nothing_was_done(bench: Bench, plain: Plain, unused_tcp_port: int) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
    outcome = await within(STARTS_S, bench.call("act"))
    assert (outcome.outcome, "Nothing was done" in outcome.content) == ("error", True), outcome
    await up(bench)
    async with listening(plain, unused_tcp_port):
        await up(bench, "plain")
        assert (await bench.call("act")).outcome == "ok"
        assert plain.ran == ["act"]
        await bench.close()
        del bench.functions


@pytest.mark.parametrize("after", ["break", "forget"])
async def test_a_call_that_may_have_been_run_is_never_sent_again(
    bench: Bench, plain: Plain, unused_tcp_port: int, after: str
) -> None:
    plain.after = after
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        outcome = await within(STARTS_S, bench.call("act"))
        assert (outcome.outcome, "whether it had an effect is unknown" in outcome.content) == ("error", True), outcome
        assert plain.ran == ["act"]
        assert (after == "forget") == (plain.fetched > 0)
        await bench.close()
        del bench.functions


@pytest.mark.parametrize("after", ["nonsense", "long"])
async def test_an_answer_that_cannot_be_read_costs_its_call_alone_and_is_not_in_the_log(
    *, bench: Bench, plain: Plain, unused_tcp_port: int, after: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        plain.after = "wait"
        waiting = asyncio.create_task(bench.call("act"))  # noqa: TID251 - the test's own
        await eventually(lambda: len(plain.ran) == 1, "the call has arrived")
        plain.after = after
        outcome = await within(STARTS_S, bench.call("act"))
        assert (outcome.outcome, "whether it had an effect is unknown" in outcome.content) == ("error", True), outcome
        plain.after = "answer"
        plain.released.set()
        assert (await within(STARTS_S, waiting)).outcome == "ok"
        assert (plain.begun, plain.ran) == (1, ["act", "act"])
        assert "diary" not in caplog.text
        await bench.close()
        del bench.functions


async def test_a_tool_that_is_another_one_after_the_restart_is_not_run(bench: Bench, plain: Plain, unused_tcp_port: int) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        plain.sessions.clear()
        plain.tools[0]["description"] = "Act otherwise."
        outcome = await within(STARTS_S, bench.call("act"))
        assert (outcome.outcome, "has become another function meanwhile" in outcome.content) == ("error", True)
        assert plain.ran == []
        await bench.close()
        del bench.functions


async def test_calls_side_by_side_recover_together(bench: Bench, plain: Plain, unused_tcp_port: int) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        plain.sessions.clear()
        outcomes = await within(STARTS_S, asyncio.gather(*(bench.call("act") for _ in range(4))))
        assert [outcome.outcome for outcome in outcomes] == ["ok"] * 4
        assert (plain.begun, plain.ran) == (2, ["act"] * 4)
        await bench.close()
        del bench.functions


async def test_a_call_that_is_under_way_when_another_breaks_the_connection_is_not_sent_again(
    bench: Bench, plain: Plain, unused_tcp_port: int
) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        plain.after = "wait"
        waiting = asyncio.create_task(bench.call("act"))  # noqa: TID251 - the test's own
        await eventually(lambda: len(plain.ran) == 1, "the call has arrived")
        plain.after = "break"
        outcomes = [await within(STARTS_S, bench.call("act")), await within(STARTS_S, waiting)]
        assert [outcome.outcome for outcome in outcomes] == ["error", "error"]
        assert all("whether it had an effect is unknown" in outcome.content for outcome in outcomes)
        assert plain.ran == ["act", "act"]
        plain.released.set()
        await bench.close()
        del bench.functions


async def test_calls_side_by_side_that_reach_nobody_are_told_so(bench: Bench, plain: Plain, unused_tcp_port: int) -> None:
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
    outcomes = await within(STARTS_S, asyncio.gather(*(bench.call("act") for _ in range(4))))
    # Whoever comes when the loss is known already is told that there is no such function.
    assert all(re.search("othing was done|There is no function", outcome.content) for outcome in outcomes), outcomes
    assert plain.ran == []


@needs_everything
async def test_the_end_of_an_idle_server_with_a_stream_is_noticed_at_once(bench: Bench, unused_tcp_port: int) -> None:
    bench.limits = {"mcp_look_s": NEVER_S}
    bench.allowed_endpoints = [f"http://127.0.0.1:{unused_tcp_port}"]
    bench.config["mcp"] = {"every": {"url": f"http://127.0.0.1:{unused_tcp_port}/mcp", "tools": {"echo": "read"}}}
    async with everything_over_http(unused_tcp_port):
        await bench.start()
        await up(bench, "every")
    await up(bench)
    async with everything_over_http(unused_tcp_port):
        await up(bench, "every")
        assert (await bench.call("echo", message="again")).outcome == "ok"


async def test_the_end_of_an_idle_server_of_the_newest_protocol_is_noticed_at_once(bench: Bench, unused_tcp_port: int) -> None:
    bench.limits = {"mcp_look_s": NEVER_S}
    bench.allowed_endpoints = [f"http://127.0.0.1:{unused_tcp_port}"]
    bench.config["mcp"] = {"modern": {"url": f"http://127.0.0.1:{unused_tcp_port}/mcp", "tools": {"seen": "read"}}}
    async with modern_over_http(unused_tcp_port):
        await bench.start()
        await up(bench, "modern")
    await up(bench)
    async with modern_over_http(unused_tcp_port):
        await up(bench, "modern")
        assert (await bench.call("seen")).outcome == "ok"


async def test_what_changes_without_a_word_is_seen_at_the_next_look_however_much_is_called(
    bench: Bench, plain: Plain, unused_tcp_port: int
) -> None:
    bench.limits = {"mcp_look_s": 0.2, "function_repeats": 100_000, "function_calls_per_turn": 100_000}
    async with listening(plain, unused_tcp_port):
        await bench.start()
        await up(bench, "plain")
        plain.tools[0]["description"] = "Act otherwise."
        async with asyncio.timeout(STARTS_S):
            while "'act' is another one than at first" not in str(bench.functions.registry.problems):
                await bench.call("act")
        await bench.close()
        del bench.functions


@pytest.fixture
def nobody_accepts(unused_tcp_port: int) -> Iterator[str]:
    """An origin where connections are asked for in vain: what the kernel takes by itself is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", unused_tcp_port), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield f"http://127.0.0.1:{unused_tcp_port}"


async def test_how_long_connecting_may_take_is_the_operators_to_say(bench: Bench, nobody_accepts: str) -> None:
    """Else both would take their own time limits, which are longer than this test may be."""
    bench.limits = {"function_connect_s": 0.2}
    bench.allowed_endpoints = [nobody_accepts]
    bench.config["mcp"] = {"plain": {"url": f"{nobody_accepts}/mcp", "tools": "all", "start_timeout_s": 300}}
    bench.config["http"] = {"look": {"url": f"{nobody_accepts}/", "description": "Look.", "tier": "read", "timeout_s": 300}}
    await bench.start()
    outcome = await within(STARTS_S, bench.call("look"))
    assert outcome.outcome == "error", outcome
    await told(bench, "the server does not run")
