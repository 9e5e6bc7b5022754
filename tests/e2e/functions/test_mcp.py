"""Tools of MCP servers: a real one from PyPI, a real one from npm over stdio and HTTP, and what happens when they die."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from agentd.errors import InvalidRequest
from tests.support.handlers import Bench, children, eventually, is_alive, within
from tests.support.mcp_servers import (
    EVERYTHING,
    STARTS_S,
    TIME_SERVER,
    Hostile,
    everything_over_http,
    kill,
    modern_over_http,
    needs_everything,
    needs_time_server,
    settled,
    told,
    up,
)
from tests.support.programs import NODE, ROOT

pytestmark = pytest.mark.e2e

TIME: dict[str, Any] = {
    "command": str(TIME_SERVER),
    "args": ["--local-timezone", "Europe/Vienna"],
    "tools": {"get_current_time": "read", "convert_time": {"tier": "low", "timeout_s": 3, "filler": "One moment."}},
}
EVERY = {
    "echo": "read",
    "get-sum": "read",
    "get-tiny-image": "read",
    "get-structured-content": "read",
    "trigger-long-running-operation": "low",
}


def background(coroutine: Any) -> "asyncio.Task[Any]":
    return asyncio.create_task(coroutine)  # noqa: TID251 - the test's own


@needs_time_server
async def test_a_server_of_pypi_over_stdio(bench: Bench) -> None:
    bench.config["mcp"] = {"clock": TIME}
    await bench.start()
    await up(bench, "clock")
    specs = bench.functions.registry.specs
    assert {name: (spec.tier, spec.kind, spec.server, spec.place) for name, spec in specs.items()} == {
        "get_current_time": ("read", "mcp", "clock", "[functions.mcp.clock]"),
        "convert_time": ("low", "mcp", "clock", "[functions.mcp.clock]"),
    }
    assert (specs["convert_time"].timeout_s, specs["convert_time"].options.filler) == (3, ("One moment.",))
    assert all(spec.options.untrusted_output for spec in specs.values())
    outcome = await bench.call("convert_time", source_timezone="Europe/Vienna", time="12:00", target_timezone="Asia/Tokyo")
    assert outcome.outcome == "ok"
    assert outcome.result["source"]["timezone"] == "Europe/Vienna"
    assert outcome.result["target"]["datetime"].endswith("+09:00")
    wrong = await bench.call("get_current_time", timezone=3)
    assert (wrong.outcome, 'timezone: 3 is not of type "string"' in wrong.content) == ("invalid", True)
    failed = await bench.call("get_current_time", timezone="Nowhere/Land")
    assert (failed.outcome, "Nowhere/Land" in failed.content) == ("error", True)


@needs_everything
@pytest.mark.parametrize("flags", [[], ["--jitless"]])
async def test_a_server_of_npm_over_stdio(bench: Bench, flags: list[str]) -> None:
    bench.config["mcp"] = {"every": {"command": str(NODE), "args": [*flags, str(EVERYTHING)], "tools": EVERY, "prefix": "e_"}}
    await bench.start()
    await up(bench, "every")
    assert set(bench.functions.registry.specs) == {"e_" + name.replace("-", "_") for name in EVERY}
    assert "Echo: hello" in (await bench.call("e_echo", message="hello")).content
    assert "5" in (await bench.call("e_get_sum", a=2, b=3)).content
    image = await bench.call("e_get_tiny_image")
    assert "image/png, about" in image.content
    assert len(image.content) < 1_000
    weather = await bench.call("e_get_structured_content", location="Chicago")
    assert set(weather.result) == {"temperature", "conditions", "humidity"}


@needs_everything
async def test_a_server_of_npm_over_http_and_its_end_and_return(bench: Bench, unused_tcp_port: int) -> None:
    bench.allowed_endpoints = [f"http://127.0.0.1:{unused_tcp_port}"]
    bench.config["mcp"] = {"every": {"url": f"http://127.0.0.1:{unused_tcp_port}/mcp", "tools": EVERY}}
    await bench.start()
    await told(bench, "does not run")
    async with everything_over_http(unused_tcp_port):
        await up(bench, "every")
        assert "Echo: hello" in (await bench.call("echo", message="hello")).content
        slow = background(bench.call("trigger_long_running_operation", duration=60, steps=60))
        await asyncio.sleep(0)
        assert "Echo: two" in (await bench.call("echo", message="two")).content
    outcome = await settled(slow)
    # Nobody here can say whether the server had taken it before it was killed; the daemon can.
    assert outcome.outcome == "error"
    assert any(words in outcome.content for words in ("whether it had an effect is unknown", "Nothing was done")), outcome
    await up(bench)
    assert not bench.functions.registry.specs
    async with everything_over_http(unused_tcp_port):
        await up(bench, "every")
        assert "Echo: again" in (await bench.call("echo", message="again")).content


async def test_a_server_of_the_newest_protocol_over_http(bench: Bench, unused_tcp_port: int) -> None:
    folder = bench.state_dir / "credentials"
    folder.mkdir(parents=True)
    (folder / "token").write_text("s3cret-token", encoding="utf-8")
    (folder / "token").chmod(0o600)
    origin = f"http://127.0.0.1:{unused_tcp_port}"
    bench.allowed_endpoints = [origin]
    bench.config["mcp"] = {
        "modern": {
            "url": f"{origin}/mcp",
            "headers": {"Authorization": {"credential": "token", "prefix": "Bearer "}},
            "tools": {
                "seen": {"tier": "read", "per_minute": 10_000},
                "slow": {"tier": "low", "timeout_s": 60},
                "grow": "low",
                "grown": "read",
                "curious": "low",
            },
        }
    }
    async with modern_over_http(unused_tcp_port):
        await bench.start()
        await up(bench, "modern")
        assert (await bench.call("seen")).result == {"authorization": "Bearer ***"}, (
            "it got the credential, and nobody else sees it"
        )
        assert "the server has no tool 'grown'" in str(bench.functions.registry.problems)
        asked = await bench.call("curious")
        assert (asked.outcome, "asks for something before it goes on" in asked.content) == ("error", True)
        slow = background(bench.call("slow"))

        async def noted(what: str) -> None:
            for _ in range(500):
                if (await bench.call("seen")).result.get("slow") == what:
                    return
                await asyncio.sleep(0.02)
            raise AssertionError(f"never {what}")

        await noted("called")
        slow.cancel()
        await asyncio.wait({slow})
        await noted("cancelled")
        assert (await bench.call("grow")).result == "grown"
        await eventually(lambda: "grown" in bench.functions.registry.specs, "the new tool is offered", bound_s=STARTS_S)
        assert not bench.functions.registry.problems
        assert (await bench.call("grown", words="hello")).result == "HELLO"
        await bench.close()
        del bench.functions


@needs_time_server
async def test_a_server_that_is_killed_in_mid_call_is_started_again(bench: Bench, tmp_path: Path) -> None:
    hostile = Hostile(tmp_path)
    bench.config["mcp"] = {"hostile": hostile.table, "clock": TIME}
    await bench.start()
    await up(bench, "hostile", "clock")
    call = background(bench.call("silent", call_id="silent-1"))
    await eventually(lambda: hostile.calls("silent") == 1, "the call has arrived")
    killed = kill(bench)
    assert len(killed) == 2
    outcome = await settled(call)
    assert outcome.outcome == "error"
    assert "whether it had an effect is unknown" in outcome.content
    again = await bench.call("silent", call_id="silent-1")
    assert again == outcome
    await eventually(lambda: len(set(bench.workers()) - set(killed)) == 2, "both are started again", bound_s=STARTS_S)
    await up(bench, "hostile", "clock")
    clock = await bench.call("get_current_time", timezone="Asia/Tokyo")
    assert clock.outcome == "ok", clock
    assert hostile.calls("silent") == 1


async def test_while_a_server_is_down_its_functions_are_gone_and_it_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"broken": Hostile(tmp_path, "ends").table, "hostile": Hostile(tmp_path).table}
    await bench.start()
    await up(bench, "hostile")
    await eventually(
        lambda: "I will not run today" in str(bench.functions.registry.problems), "the reason is told", bound_s=STARTS_S
    )
    (problem,) = (problem for problem in bench.functions.registry.problems if problem.place == "[functions.mcp.broken]")
    assert problem.reason == "the server does not run: the process ended with status 1: I will not run today"
    outcome = await bench.call("no_such_tool")
    assert outcome.outcome == "unknown"


def waits(logs: Sequence[Mapping[str, Any]]) -> list[float]:
    """How long was waited before each next try."""
    return [line["retry_s"] for line in logs if line["event"] == "mcp_server_down"]


@pytest.mark.parametrize(("limits", "waited"), [({}, [0.2, 0.4, 0.8, 1.6]), ({"mcp_retry_s": 0.3}, [0.2, 0.3, 0.3, 0.3])])
async def test_a_server_that_ends_again_and_again_is_started_less_and_less_often(
    bench: Bench, tmp_path: Path, limits: dict[str, float], waited: list[float]
) -> None:
    bench.limits = limits
    bench.config["mcp"] = {"broken": Hostile(tmp_path, "ends").table}
    with capture_logs() as logs:
        await bench.start()
        await eventually(lambda: len(waits(logs)) >= 4, "it has been tried four times", bound_s=STARTS_S)
    assert waits(logs)[:4] == waited


async def test_the_daemon_waits_for_no_server(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"deaf": Hostile(tmp_path, "deaf", start_timeout_s=0.5).table}
    bench.write("look.py", '@function(tier="read")\nasync def look() -> str:\n    "Look."\n    return "seen"\n')
    await bench.start()
    assert bench.functions.mcp_servers == {"deaf": False}
    assert (await bench.call("look")).content == "seen"
    await eventually(
        lambda: "did not answer in time" in str(bench.functions.registry.problems), "it is given up", bound_s=STARTS_S
    )


async def test_a_server_that_ends_at_a_question_it_does_not_know_is_begun_with_as_of_old(bench: Bench, tmp_path: Path) -> None:
    hostile = Hostile(tmp_path, "leaves")
    bench.config["mcp"] = {"hostile": hostile.table}
    await bench.start()
    await up(bench, "hostile")
    assert hostile.sent("server/discover")
    assert (await bench.call("echo", text="hello")).result == "hello"


async def test_a_cancelled_call_and_one_out_of_time_are_told_to_the_server(bench: Bench, tmp_path: Path) -> None:
    hostile = Hostile(tmp_path)
    hostile.table["tools"] = {"silent": {"tier": "low", "timeout_s": 0.3}, "echo": "low"}
    bench.config["mcp"] = {"hostile": hostile.table}
    await bench.start()
    await up(bench, "hostile")
    assert (await bench.call("silent")).outcome == "timeout"
    await eventually(lambda: len(hostile.sent("notifications/cancelled")) == 1, "the time-out is told")
    call = background(bench.call("silent"))
    await eventually(lambda: hostile.calls("silent") == 2, "the call has arrived")
    call.cancel()
    await asyncio.wait({call})
    await eventually(lambda: len(hostile.sent("notifications/cancelled")) == 2, "the cancellation is told")
    calls = [message["id"] for message in hostile.sent("tools/call")]
    assert [message["params"]["requestId"] for message in hostile.sent("notifications/cancelled")] == calls
    assert (await bench.call("echo", text="still there")).content.count("still there") == 1


async def test_calls_run_side_by_side(bench: Bench, tmp_path: Path) -> None:
    hostile = Hostile(tmp_path)
    bench.config["mcp"] = {"hostile": hostile.table}
    await bench.start()
    await up(bench, "hostile")
    waiting = background(bench.call("silent"))
    await eventually(lambda: hostile.calls("silent") == 1, "the call has arrived")
    echoed = await asyncio.gather(*(bench.call("echo", text=f"number {number}") for number in range(3)))
    assert [outcome.result for outcome in echoed] == ["number 0", "number 1", "number 2"]
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_a_reload_keeps_the_servers_that_did_not_change(bench: Bench, tmp_path: Path) -> None:
    one, two = Hostile(tmp_path / "a", "x"), Hostile(tmp_path / "b", "y")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    bench.config["mcp"] = {"one": one.table | {"prefix": "a_"}, "two": two.table | {"prefix": "b_"}}
    await bench.start()
    await up(bench, "one", "two")
    before = {pid: Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")[3] for pid in bench.workers()}
    waiting = background(bench.call("b_silent"))
    await eventually(lambda: two.calls("silent") == 1, "the call has arrived")
    changed = {"one": one.table | {"prefix": "c_"}, "two": two.table | {"prefix": "b_", "env": {"NEW": "yes"}}}
    await bench.functions.reload(config={"mcp": changed})
    assert "c_echo" in bench.functions.registry.specs
    await up(bench, "one", "two")
    assert (await bench.call("c_echo", text="one")).result == "one"
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})
    stays = next(pid for pid, journal in before.items() if journal == str(one.journal))
    (goes,) = set(before) - {stays}
    await eventually(lambda: not is_alive(goes), "the process with the old settings is gone")
    assert is_alive(stays)
    await bench.functions.reload(config={})
    await eventually(lambda: not bench.workers(), "without a table no server is left")


async def test_a_reload_that_is_refused_leaves_the_servers_alone(bench: Bench, tmp_path: Path) -> None:
    hostile = Hostile(tmp_path)
    bench.config["mcp"] = {"hostile": hostile.table}
    await bench.start()
    await up(bench, "hostile")
    before = bench.workers()
    with pytest.raises(InvalidRequest, match="there is no program 'no-such-program'"):
        await bench.functions.reload(
            config={"mcp": {"hostile": hostile.table, "other": {"command": "no-such-program", "tools": "all"}}}
        )
    assert bench.workers() == before
    assert (await bench.call("echo", text="hello")).result == "hello"


async def test_a_server_that_is_down_does_not_keep_a_reload_from_being_taken(bench: Bench, tmp_path: Path) -> None:
    bench.config["mcp"] = {"broken": Hostile(tmp_path, "ends").table}
    await bench.start()
    await told(bench, "does not run")
    bench.write("look.py", '@function(tier="read")\nasync def look() -> str:\n    "Look."\n    return "seen"\n')
    await bench.functions.reload()
    assert set(bench.functions.registry.specs) == {"look"}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"command": "no-such-program"}, "there is no program 'no-such-program'"),
        ({"command": sys.executable, "cwd": "/no/such/folder"}, "there is no folder '/no/such/folder'"),
        ({"command": sys.executable, "env": {"KEY": {"credential": "none"}}}, "the credential none is missing"),
        ({"url": "http://192.0.2.1/mcp"}, r"http://192.0.2.1:80 is not in \[security\] allowed_endpoints"),
    ],
)
async def test_a_table_that_cannot_work_is_a_problem_of_its_own(bench: Bench, table: dict[str, Any], reason: str) -> None:
    bench.config["mcp"] = {"faulty": table | {"tools": "all"}}
    await bench.start()
    (problem,) = bench.functions.registry.problems
    assert (problem.place, problem.passing) == ("[functions.mcp.faulty]", False)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(problem.reason)
    assert bench.functions.mcp_servers == {"faulty": False}


async def test_a_server_gets_the_variables_it_is_given_and_no_secret(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "s3cret-key")
    monkeypatch.setenv("PASSED", "on")
    folder = bench.state_dir / "credentials"
    folder.mkdir(parents=True)
    (folder / "token").write_text("s3cret-token", encoding="utf-8")
    (folder / "token").chmod(0o600)
    table: dict[str, Any] = {
        "env": {"TOKEN": {"credential": "token"}, "PLAIN": "yes"},
        "pass_env": ["PASSED", "NOT_SET"],
        "cwd": str(tmp_path),
    }
    bench.config["mcp"] = {"hostile": Hostile(tmp_path).table | table}
    await bench.start()
    await up(bench, "hostile")
    (pid,) = bench.workers()
    environment = dict(entry.split("=", 1) for entry in Path(f"/proc/{pid}/environ").read_text().split("\0") if entry)
    assert (environment["TOKEN"], environment["PLAIN"], environment["PASSED"]) == ("s3cret-token", "yes", "on")
    assert "DEEPGRAM_API_KEY" not in environment
    told = (await bench.call("environment")).result
    assert '"TOKEN": "***"' in told
    assert "s3cret" not in told
    assert str(Path(f"/proc/{pid}/cwd").readlink()) == str(tmp_path)
    assert os.getpgid(pid) == pid


async def test_a_server_does_not_outlive_the_daemon(tmp_path: Path) -> None:
    """SIGKILL for the process that started it: the kernel ends the server."""
    program = """
import asyncio, sys
from pathlib import Path
from tests.support.handlers import Bench
from tests.support.mcp_servers import Hostile, up
async def main():
    folder = Path(sys.argv[1])
    (folder / "functions").mkdir()
    bench = Bench(folder / "functions", folder / "state")
    bench.config["mcp"] = {"deaf": Hostile(folder, "deaf").table}
    await bench.start()
    while not bench.workers():
        await asyncio.sleep(0.01)
    print(*bench.workers(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert daemon.stdout is not None
    server = 0
    async with asyncio.timeout(STARTS_S):
        while not server:
            line = (await daemon.stdout.readline()).decode()
            server = int(line) if line.strip().isdigit() else 0
            assert line
    assert is_alive(server)
    daemon.send_signal(signal.SIGKILL)
    await within(30, daemon.wait())
    await eventually(lambda: not is_alive(server), "the server is gone")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("redirect", "it answered with a redirect (307)"),
        ("compressed", "it compressed its answer"),
        ("huge", "its answer has more than 1048576 bytes"),
        ("unauthorized", "it answered with status 401: check the credential in its headers"),
        ("broken", "it answered with status 502"),
    ],
)
async def test_a_server_over_http_that_does_not_keep_to_the_rules_is_not_listened_to(
    bench: Bench, answer: str, reason: str
) -> None:
    asked = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if answer == "redirect":
            raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{request.url.port}/elsewhere")
        if answer == "unauthorized":
            raise web.HTTPUnauthorized
        if answer == "broken":
            raise web.HTTPBadGateway
        if answer == "compressed":
            return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
        return web.Response(body=b" " * 3_000_000, headers={"Content-Type": "application/json"})

    async def elsewhere(_: web.Request) -> web.Response:
        raise AssertionError("a redirect was followed")

    app = web.Application()
    app.router.add_route("*", "/mcp", handle)
    app.router.add_route("*", "/elsewhere", elsewhere)
    async with TestServer(app) as running:
        bench.allowed_endpoints = [f"http://127.0.0.1:{running.port}"]
        bench.config["mcp"] = {"odd": {"url": f"http://127.0.0.1:{running.port}/mcp", "tools": "all"}}
        await bench.start()
        await told(bench, reason)
        assert asked
        await bench.close()
        del bench.functions
    assert children() is not None
