"""docs/functions-without-python.md: its tables are a configuration, its commands run, and its functions are called."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.daemon import ROOT, daemon_process
from tests.support.function_server import function_server
from tests.support.mcp_servers import STARTS_S, TIME_SERVER, needs_time_server
from tests.support.shell import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PAGE = (ROOT / "docs/functions-without-python.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@needs_time_server
async def test_what_the_page_shows_works_as_it_stands(tmp_path: Path) -> None:
    delegated, secret = blocks("bash")
    async with function_server() as solar:
        solar.body = b'{"power": {"now": 2310}}'
        config = "\n".join(blocks("toml")).replace("http://127.0.0.1:8765", solar.origin)
        environment = {"PATH": f"{TIME_SERVER.parent}:{os.environ['PATH']}"}
        async with daemon_process(tmp_path, config, environment=environment) as daemon:
            problems = (await daemon.call("GET", "/v1/functions")).json["problems"]
            assert [problem["file"] for problem in problems] == ["[functions.http.get_solar_power]"]
            shell = Shell(daemon, tmp_path)
            await shell.run(secret)
            assert (await daemon.call("POST", "/v1/functions/reload")).status == 200
            await daemon.call("PUT", "/v1/sessions/kitchen")
            said = {"role": "user", "content": "how much power do the solar panels deliver"}
            turn = (await daemon.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json=said)).json
            assert turn["said"] == "The panels deliver 2310 watts."
            assert solar.calls[-1]["headers"]["Authorization"] == "Bearer the key"
            assert solar.calls[-1]["path"] == "/api/roof/power"
            await shell.run(delegated)
            assert json.loads((shell.home / "reply.json").read_text(encoding="utf-8"))["said"] == "The beamer is on."
            up = "until curl -H @$S/auth $A/metrics | grep -q 'server_up{server=\"clock\"} 1'; do sleep 0.2; done"
            await shell.run(up, within_s=STARTS_S)
            arguments = {"arguments": {"timezone": "Asia/Tokyo"}}
            called = (await daemon.call("POST", "/v1/functions/clock_get_current_time/invoke", json=arguments)).json
            assert called["result"]["timezone"] == "Asia/Tokyo"
        assert "the key" not in (tmp_path / "log.jsonl").read_text(encoding="utf-8")
