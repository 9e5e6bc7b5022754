"""A real Prometheus scrapes a real daemon: every query of the dashboard and of the alerts finds what it asks for."""

import asyncio
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.scripted import scripted_engine

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
TOOLS = f"{ROOT / '.venv/system/usr/bin'}{os.pathsep}{os.environ['PATH']}"
"""``make test`` unpacks Prometheus beside the virtual environment where the machine has none."""

PROMETHEUS, PROMTOOL = shutil.which("prometheus", path=TOOLS), shutil.which("promtool", path=TOOLS)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(PROMETHEUS is None or PROMTOOL is None, reason="prometheus and promtool are not here (make system)"),
]

FOUND_S = 20.0
SCRIPT: dict[str, Any] = {
    "on": [
        {
            "event": "user",
            "match": "lamp",
            "steps": [{"call": "set_light", "arguments": {"room": "kitchen"}}, {"say": "Done.", "audio_s": 0.2}],
        }
    ]
}


FAILING = '''
from agentd.functions import FunctionError, function

@function(tier="read")
def fail() -> str:
    """Fail."""
    raise FunctionError("as it should")
'''


async def promtool(*words: str | Path, given: bytes = b"") -> str:
    """Run promtool; a fault it finds fails the test."""
    assert PROMTOOL is not None
    process = await asyncio.create_subprocess_exec(
        PROMTOOL,
        *map(str, words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate(given)
    assert process.returncode == 0, out.decode()
    return out.decode()


@asynccontextmanager
async def prometheus(folder: Path, target: str, token_file: Path) -> AsyncIterator[str]:
    """Prometheus with the shipped scrape example, but for target, token and a one-second interval. Yields its URL."""
    assert PROMETHEUS is not None
    config = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
    for shipped, here in (
        ("scrape_interval: 15s", "scrape_interval: 1s"),
        ("- agentd-alerts.yml", f"- {MONITORING / 'agentd-alerts.yml'}"),
        ("/etc/prometheus/agentd-token", str(token_file)),
        ("127.0.0.1:8690", target),
    ):
        assert shipped in config
        config = config.replace(shipped, here)
    file = folder / "prometheus.yml"
    file.write_text(config, encoding="utf-8")
    await promtool("check", "config", file)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        async with asyncio.timeout(60):
            await process.wait()


async def found(http: aiohttp.ClientSession, base: str, query: str) -> list[dict[str, Any]]:
    """The series of a query, asked until there are some; empty after the bound."""
    deadline = asyncio.get_running_loop().time() + FOUND_S
    while asyncio.get_running_loop().time() < deadline:
        try:
            async with http.get(f"{base}/api/v1/query", params={"query": query}) as response:
                answer = await response.json()
            assert answer["status"] == "success", f"{query}: {answer}"
            if answer["data"]["result"]:
                series: list[dict[str, Any]] = answer["data"]["result"]
                return series
        except aiohttp.ClientConnectionError:
            pass  # Prometheus is still starting
        await asyncio.sleep(0.2)
    return []


def dashboard_queries() -> dict[str, str]:
    """Each panel's queries with Grafana's variables filled in."""
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return {
        f"{panel['title']} / {target['legendFormat']}": target["expr"].replace("$node", ".*").replace("$__rate_interval", "5s")
        for panel in board["panels"]
        for target in panel["targets"]
    }


def alert_operands() -> dict[str, str]:
    """Each alert's left side, which must exist for the alert ever to fire."""
    text = (MONITORING / "agentd-alerts.yml").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for block in re.split(r"\n\s*- alert: ", text)[1:]:
        expression = re.search(r"expr: (?:\|\n)?(.*?)\n\s+(?:for|labels):", block, re.DOTALL)
        assert expression is not None
        left = re.split(r"\s(?:>|<|==)\s", expression[1], maxsplit=1)[0]
        found[block.split("\n", 1)[0]] = re.sub(r"\[1[05]m\]", "[5s]", left).strip()
    return found


@asynccontextmanager
async def scripted_daemon(folder: Path) -> AsyncIterator[DaemonProcess]:
    """A daemon whose upstream is scripted, with the project's handlers, one that fails, and an MCP server that does."""
    functions = folder / "functions"
    shutil.copytree(ROOT / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
    (functions / "failing.py").write_text(FAILING, encoding="utf-8")
    async with scripted_engine(SCRIPT) as upstream:
        config = f'[deepgram]\napi_key = "{upstream.key}"\nagent_url = "{upstream.url}"\nrest_url = "{upstream.http_url}"\n'
        config += '[functions.mcp.absent]\ncommand = "false"\ntools = "all"\n'
        async with daemon_process(folder, config, functions=functions) as daemon:
            yield daemon


async def converse(daemon: DaemonProcess) -> None:
    """One conversation: a turn with a function call and a good end; and a function that fails, for the alert on that."""
    started = await daemon.call("PUT", "/v1/sessions/kitchen")
    assert started.status == 201, started.body
    turn = await daemon.call(
        "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "kitchen lamp on"}
    )
    assert turn.json["said"] == "Done.", turn.body
    failed = await daemon.call("POST", "/v1/functions/fail/invoke", json={"arguments": {}})
    assert failed.json["outcome"] == "error", failed.body
    ended = await daemon.call("DELETE", "/v1/sessions/kitchen")
    assert ended.status == 200, ended.body


@pytest.mark.timeout(300)
async def test_every_query_finds_series_after_one_conversation(tmp_path: Path) -> None:
    async with scripted_daemon(tmp_path) as daemon:
        token_file = tmp_path / "metrics-token"
        await make_token(daemon, token_file)
        target = daemon.url.removeprefix("http://")
        async with prometheus(tmp_path, target, token_file) as base, aiohttp.ClientSession(trust_env=False) as http:
            # A rate needs a scrape before the conversation, or its first events would be the starting point.
            assert await found(http, base, 'up{job="agentd"} == 1'), "Prometheus could not scrape the daemon"
            await converse(daemon)
            queries = dashboard_queries() | alert_operands()
            results = await asyncio.gather(*(found(http, base, query) for query in queries.values()))
            empty = [f"{name}: {query}" for (name, query), series in zip(queries.items(), results, strict=True) if not series]
            assert not empty, "\n".join(empty)
            for series in ('agentd_mcp_server_up{server="absent"} == 0', "agentd_audit_up == 1", "agentd_audit_lines_total > 4"):
                assert await found(http, base, series), series
            counted = await found(http, base, 'agentd_function_calls_total{function="set_light", outcome="ok"} == 1')
            assert counted, "the call is not counted under its name"


async def make_token(daemon: DaemonProcess, file: Path) -> None:
    """A token for Prometheus, made as the documentation says, while the daemon runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "token", "--scope", "metrics", "--name", "prometheus",
        "--out", str(file), "--state-dir", str(daemon.state_dir), cwd=file.parent,
    )  # fmt: skip
    async with asyncio.timeout(60):
        assert await process.wait() == 0


async def test_what_the_daemon_exposes_is_well_formed(tmp_path: Path) -> None:
    async with scripted_daemon(tmp_path) as daemon:
        await converse(daemon)
        exposed = await daemon.call("GET", "/metrics")
    await promtool("check", "metrics", given=exposed.body)


async def test_the_alert_rules_fire_when_they_should() -> None:
    await promtool("check", "rules", MONITORING / "agentd-alerts.yml")
    await promtool("test", "rules", MONITORING / "agentd-alerts.test.yml")
