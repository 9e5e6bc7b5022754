"""The audit of a real daemon: a full disk, a kill in mid-call, and what the command line says of the file afterwards."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.handlers import eventually, within

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HANDLERS = '''
import asyncio
from pathlib import Path

from agentd.functions import function

DONE = Path(__file__).with_name("done")

def note(what: str) -> str:
    with DONE.open("a") as file:
        file.write(what + "\\n")
    return what

@function(tier="read")
async def look() -> str:
    """Look."""
    return note("look")

@function(tier="low")
async def lamp(on: bool) -> str:
    """Switch the lamp."""
    return note("lamp")

@function(tier="medium")
async def heat(degrees: float) -> str:
    """Set the heating."""
    return note("heat")

@function(tier="medium", timeout_s=60)
async def hang() -> str:
    """Begin and never end."""
    note("hang")
    await asyncio.sleep(60)
    return "never"
'''

CONFIG = "[engine]\nmode = 'never'\n[deepgram]\napi_key = 'none'\n"
ARGUMENTS: dict[str, dict[str, Any]] = {"look": {}, "lamp": {"on": True}, "heat": {"degrees": 21}, "hang": {}}


def handlers(folder: Path) -> Path:
    functions = folder / "functions"
    functions.mkdir(exist_ok=True)
    (functions / "acting.py").write_text(HANDLERS, encoding="utf-8")
    return functions


def done(folder: Path) -> list[str]:
    """What has really happened, as the handlers noted it."""
    file = folder / "functions" / "done"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


async def invoke(daemon: DaemonProcess, name: str) -> str:
    """The outcome of a call; of a denied one, the reason."""
    answer = await daemon.call("POST", f"/v1/functions/{name}/invoke", json={"arguments": ARGUMENTS[name]})
    assert answer.status in (200, 403), answer.body
    return str(answer.json["outcome"] if answer.status == 200 else answer.json["detail"])


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.1)


async def audit(folder: Path, *words: str) -> tuple[int | None, str]:
    """``agentd audit`` on the daemon's folder: exit status and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "audit", *words, "--state-dir", str(folder / "state"),
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await within(30, process.communicate())
    return process.returncode, out.decode()


async def lines(folder: Path, *words: str) -> list[dict[str, Any]]:
    status, out = await audit(folder, "show", "--json", "--limit", "0", *words)
    assert status == 0, out
    return [json.loads(line) for line in out.splitlines()]


def fill_disk(daemon: DaemonProcess) -> None:
    """No file of the daemon grows any more."""
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))


def free_disk(daemon: DaemonProcess) -> None:
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def until_status(daemon: DaemonProcess, state: str) -> None:
    """``/readyz`` says so of the audit."""

    async def so() -> bool:
        return bool((await daemon.call("GET", "/readyz")).json["details"]["audit"]["state"] == state)

    await until(so)


async def test_on_a_full_disk_nothing_unrecorded_is_done_and_it_recovers(tmp_path: Path) -> None:
    async with daemon_process(
        tmp_path, "[engine]\nmode = 'never'\n[deepgram]\napi_key = 'none'\n", functions=handlers(tmp_path)
    ) as daemon:
        assert [await invoke(daemon, name) for name in ("look", "lamp", "heat")] == ["ok"] * 3
        fill_disk(daemon)
        full = {name: await invoke(daemon, name) for name in ("heat", "look", "lamp", "hang")}
        assert (full["look"], full["lamp"]) == ("ok", "ok")
        assert all("cannot be recorded" in full[name] for name in ("heat", "hang"))
        assert done(tmp_path) == ["look", "lamp", "heat", "look", "lamp"]
        await until_status(daemon, "degraded")
        exposed = (await daemon.call("GET", "/metrics")).body.decode()
        assert "\nagentd_audit_up 0.0\n" in exposed
        assert "\nagentd_audit_failures_total 0.0\n" not in exposed
        free_disk(daemon)
        await until_status(daemon, "ok")
        assert await invoke(daemon, "heat") == "ok"
    status, out = await audit(tmp_path, "verify")
    assert status == 0, out
    told = await lines(tmp_path)
    assert [line["function"] for line in told if line["kind"] == "result" and line["outcome"] == "denied"] == ["heat", "hang"]
    assert any(line["kind"] == "interrupted" for line in told)


async def cut_short(daemon: DaemonProcess) -> None:
    with pytest.raises(aiohttp.ClientError):
        await invoke(daemon, "hang")


async def test_a_kill_in_mid_call_leaves_an_intent_and_a_whole_chain(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, CONFIG, functions=handlers(tmp_path)) as daemon:
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(cut_short(daemon))
            await eventually(lambda: done(tmp_path) == ["hang"], "it runs")
            os.kill(daemon.process.pid, signal.SIGKILL)
        assert hanging.done()
    async with daemon_process(tmp_path, CONFIG, functions=tmp_path / "functions") as daemon:
        assert await invoke(daemon, "look") == "ok"
    status, out = await audit(tmp_path, "verify", "--json")
    assert status == 0, out
    report = json.loads(out)
    assert (report["ok"], report["sealed"], report["unfinished"], report["crashes"]) == (True, True, 1, 1)


async def test_the_file_is_followed(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, CONFIG, functions=handlers(tmp_path)) as daemon:
        await invoke(daemon, "look")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentd", "audit", "show", "--follow", "--json", "--function", "lamp", "-n", "0",
            "--state-dir", str(tmp_path / "state"), cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            await invoke(daemon, "lamp")
            kinds = [json.loads(await within(30, process.stdout.readline()))["kind"] for _ in range(2)]
            assert kinds == ["intent", "result"]
        finally:
            process.terminate()
            await process.wait()


async def test_what_was_loaded_and_what_was_turned_away_is_told(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, CONFIG, functions=handlers(tmp_path)) as daemon:
        assert (await daemon.call("POST", "/v1/actions/disable")).status == 200
        assert "switched off" in await invoke(daemon, "heat")
        assert await invoke(daemon, "lamp") == "ok"
        (tmp_path / "functions" / "acting.py").write_text(HANDLERS + "\n# changed\n", encoding="utf-8")
        assert (await daemon.call("POST", "/v1/functions/reload")).status == 200
    told = await lines(tmp_path)
    first, second = (line["files"]["acting.py"] for line in told if line["kind"] == "reload")
    (intent,) = (line for line in told if line["kind"] == "intent")
    assert (intent["handler_sha256"], intent["started_by"]) == (first, "first")
    assert first != second
    (denied,) = (line for line in told if line["kind"] == "denied")
    assert (denied["function"], denied["outcome"], denied["reason"]) == ("heat", "denied", "actions_disabled")
    (switch,) = (line for line in told if line["kind"] == "switch")
    assert (switch["outcome"], switch["by"]) == ("disabled", "first")
