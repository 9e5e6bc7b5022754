"""Several scenarios in one script: which connection plays which, and what the report says of them."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from agentd.engine.scripted.serve import scripted_server
from tests.support.agent_client import AgentClient, agent_client, settings
from tests.support.scripted import KEY, scripted_engine


def scenario(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "on": [{"event": "settings", "steps": [{"warning": name}]}]} | more


async def played(client: AgentClient, **more: Any) -> str:
    """The name of the scenario this client is in."""
    await client.send(settings() | more)
    return str((await client.until("Warning"))["code"])


async def test_connections_play_the_scenarios_one_after_the_other() -> None:
    script = {
        "scenarios": [
            scenario("first"),
            scenario("twice", connections=2),
            scenario("refusing", handshake={"status": 503, "times": 1}),
        ]
    }
    names: list[str] = []
    async with scripted_engine(script) as engine:
        for _ in range(6):
            try:
                async with agent_client(engine.url, KEY) as client:
                    names.append(await played(client))
            except aiohttp.WSServerHandshakeError as refused:
                names.append(str(refused.headers["dg-error"] if refused.headers else ""))
        assert names[:5] == ["first", "twice", "twice", "refused by the script", "refusing"]
        assert names[5].startswith("No scenario of the script is left for this connection; played: first (1), twice (2)")
        assert [one.connections for one in engine.report.scenarios.values()] == [1, 2, 1]


async def test_a_connection_chooses_its_scenario() -> None:
    script = {
        "scenarios": [
            scenario("by query", select={"query": {"case": "1"}}),
            scenario("by header", select={"headers": {"X-Case": "2"}}),
            scenario("by tag", select={"tag": "3"}, mute=["AgentThinking"]),
            scenario("by name", select={"query": {"never": "sent"}}),
            scenario("rest", connections="any", conversation=[{"expect": "Settings"}]),
        ]
    }
    async with scripted_engine(script) as engine:
        for _ in range(2):
            async with agent_client(engine.url, KEY, path="/v1/agent/converse?case=1") as client:
                assert await played(client) == "by query"
            async with agent_client(engine.url, KEY, headers={"x-case": "2"}) as client:
                assert await played(client) == "by header"
            async with agent_client(engine.url, KEY) as client:
                assert await played(client, tags=["0", "3"]) == "by tag"
            async with agent_client(engine.url, KEY, path="/v1/agent/converse?scenario=by%20name") as client:
                assert await played(client) == "by name"
            async with agent_client(engine.url, KEY) as client:
                assert await played(client, tags=["4"]) == "rest"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with agent_client(engine.url, KEY, path="/v1/agent/converse?scenario=none"):
                pass
        assert refused.value.status == 404
        assert refused.value.headers is not None
        assert "by query, by header, by tag, by name, rest" in refused.value.headers["dg-error"]
    assert [one.connections for one in engine.report.scenarios.values()] == [2, 2, 2, 2, 2]
    assert [len(one.played) for one in engine.report.scenarios.values()] == [0, 0, 0, 0, 2]


async def test_the_report_tells_what_was_met_missed_and_never_played(tmp_path: Path) -> None:
    script = {
        "scenarios": [
            {"name": "met", "conversation": [{"expect": "Settings"}]},
            {"name": "missed", "conversation": [{"expect": "Settings"}, {"expect": "KeepAlive", "within_s": 0.05}]},
            {"name": "never", "conversation": [{"expect": "Settings"}]},
            {"name": "maybe", "optional": True, "conversation": [{"expect": "Settings"}]},
            {"name": "rules"},
        ]
    }
    async with scripted_engine(script) as engine:
        for last in ("SettingsApplied", "Error"):
            async with agent_client(engine.url, KEY) as client:
                await client.send(settings())
                await client.until(last)
    report = engine.report
    told = report.as_json()
    assert told["passed"] is False
    assert {one["name"]: one["status"] for one in told["scenarios"]} == {
        "met": "passed", "missed": "failed", "never": "not_played", "maybe": "not_played", "rules": "passed",
    }  # fmt: skip
    missed = told["scenarios"][1]["played"][0]
    assert [one["status"] for one in missed["expectations"]] == ["passed", "failed"]
    assert missed["ended"].startswith("1011 SCRIPT_EXPECTATION_FAILED")
    assert missed["expectations"][1]["got"] == "KeepAlive did not come within 0.05 s"
    assert report.lines()[:4] == [
        "met: passed, 1 of 1 expectations met",
        "missed: failed, 1 of 2 expectations met",
        "  step 2: expected KeepAlive within 0.05 s: KeepAlive did not come within 0.05 s",
        "  the connection ended: 1011 SCRIPT_EXPECTATION_FAILED",
    ]
    report.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == told
    report.write(tmp_path / "report.xml")
    suites = ET.parse(tmp_path / "report.xml").getroot()
    counts = {suite.get("name"): (suite.get("tests"), suite.get("failures")) for suite in suites}
    assert counts == {"met": ("1", "0"), "missed": ("2", "1"), "never": ("1", "1"), "maybe": ("0", "0"), "rules": ("0", "0")}


async def test_the_helper_serves_a_file_and_fails_the_test_of_a_client_that_does_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("conversation:\n- expect: Settings\n- expect: InjectUserMessage\n", encoding="utf-8")
    async with scripted_server(path) as server, agent_client(server.url, server.key) as client:
        await client.send(settings())
        await client.send({"type": "InjectUserMessage", "content": "hi"})
        await client.until("AgentThinking")
    with pytest.raises(AssertionError, match=r"step 2 \(line 3\): expected InjectUserMessage within 5 s: not reached"):
        await _leave_early(path)


async def _leave_early(path: Path) -> None:
    async with scripted_server(path) as server, agent_client(server.url, server.key) as client:
        await client.send(settings())
        await client.until("SettingsApplied")
