"""What commands and a daemon without the ``mcp`` package say of declared functions."""

import asyncio
import sys
from pathlib import Path

import pytest

from agentd.protocol.origins import CONFIG_KEY
from tests.support.command_line import agentd
from tests.support.handlers import Bench
from tests.support.mcp_servers import Hostile

pytestmark = pytest.mark.e2e

FAULTY = """
[functions.http.weather]
description = "The weather."
url = "http://elsewhere.example/{city}"
[functions.mcp.files]
command = "no-such-program"
tools = "all"
[functions.delegated.beamer]
description = "The beamer."
parameters = { on = "bool" }
"""
SOUND = """
[security]
allowed_endpoints = ["http://elsewhere.example"]
[functions.http.weather]
description = "The weather."
url = "http://elsewhere.example/now"
headers = { Authorization = { credential = "weather" } }
"""


async def test_check_tells_what_keeps_declared_functions_away(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(FAULTY, encoding="utf-8")
    ran = await agentd("check", cwd=tmp_path)
    assert ran.status == 1
    assert ran.err.splitlines() == [
        f"[functions.http.weather]: http://elsewhere.example:80 is not in {CONFIG_KEY}; add it there if the daemon may call it",
        "[functions.mcp.files]: there is no program 'no-such-program'; install it, or give its whole path",
        "[functions.delegated.beamer]: on: 'bool' is no type; write one of array, boolean, integer, number, object, string",
    ]


async def test_doctor_tells_them_too(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(FAULTY, encoding="utf-8")
    ran = await agentd("doctor", cwd=tmp_path)
    assert "[functions.mcp.files]: there is no program 'no-such-program'" in ran.out


async def test_check_leaves_credentials_to_the_daemon(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SOUND, encoding="utf-8")
    ran = await agentd("check", cwd=tmp_path)
    assert (ran.status, ran.err) == (0, "")


async def test_without_the_package_a_configured_server_says_what_to_install(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    bench.config["mcp"] = {"files": Hostile(tmp_path).table}
    await bench.start()
    (problem,) = bench.functions.registry.problems
    assert str(problem) == "[functions.mcp.files]: the mcp package is not installed: pip install 'agentd[mcp]'"
    assert not bench.workers()


async def test_the_package_is_not_imported_where_no_server_is_configured() -> None:
    code = "import sys, agentd.app, agentd.functions.kinds; print(*sorted(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert not {"mcp", "httpx2", "starlette", "opentelemetry"} & set(out.decode().split())
