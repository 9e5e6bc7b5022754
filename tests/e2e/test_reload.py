"""The configuration read again while the daemon runs: all of it, or nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.fuzzing import CONFIG, SCRIPT
from tests.support.scripted import scripted_engine

pytestmark = pytest.mark.e2e

SOUND = """
[limits]
sessions = {sessions}
message_chars = 100

[log]
level = "info"
"""
HANDLER = '''
from agentd.functions import CallContext, function

@function(tier="read")
async def fact(ctx: CallContext) -> str:
    """Tell."""
    return ctx.config["fact"]
'''


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    functions = tmp_path / "handlers"
    functions.mkdir()
    (functions / "facts.py").write_text(HANDLER, encoding="utf-8")
    async with scripted_engine(SCRIPT) as peer:
        config = CONFIG.format(key=peer.key, ws=peer.url, http=peer.http_url).partition("[limits]")[0]
        config += SOUND.format(sessions=5) + '[functions.facts]\nfact = "old"\n'
        async with daemon_process(tmp_path, config, functions=functions) as process:
            yield process


def changed(daemon: DaemonProcess, *pairs: tuple[str, str]) -> str:
    """The daemon's file with these texts replaced; what it was before."""
    file = daemon.state_dir.parent / "config.toml"
    before = after = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in after
        after = after.replace(old, new, 1)
    file.write_text(after, encoding="utf-8")
    return before


async def test_a_reload_takes_agents_limits_functions_and_names_what_needs_a_restart(daemon: DaemonProcess) -> None:
    await daemon.call("PUT", "/v1/sessions/kitchen")
    changed(
        daemon,
        ("message_chars = 100", "message_chars = 20"),
        ("sessions = 5", "sessions = 1"),
        ("[agents.default]", '[agents.butler]\nprompt = "You serve."\nupstream = "deepgram"\n[agents.default]'),
        ('fact = "old"', 'fact = "new"'),
        ("port = 0", "port = 9"),
    )
    answer = await daemon.call("POST", "/v1/admin/reload")
    assert answer.status == 200, answer.body
    assert answer.json["needs_restart"] == ["server.port"]
    assert set(answer.json["changed"]) >= {
        "agents.butler.prompt",
        "limits.sessions",
        "limits.message_chars",
        "functions.facts.fact",
    }
    assert [agent["name"] for agent in (await daemon.call("GET", "/v1/agents")).json["items"]].count("butler") == 1
    full = await daemon.call("PUT", "/v1/sessions/hall", json={"agent": "butler"})
    assert (full.status, full.json["code"]) == (429, "too-many-sessions")
    fact = await daemon.call("POST", "/v1/functions/fact/invoke", json={})
    assert fact.json["result"] == "new"
    long = {"text": "twenty-one letters and more"}
    assert (await daemon.call("POST", "/v1/sessions/kitchen/say?wait=none", json=long)).status == 202, "it began with 100"
    await daemon.call("DELETE", "/v1/sessions/kitchen")
    await daemon.call("PUT", "/v1/sessions/hall", json={"agent": "butler"})
    assert (await daemon.call("POST", "/v1/sessions/hall/say?wait=none", json=long)).status == 422
    assert b"agentd_session_limit 1.0" in (await daemon.call("GET", "/metrics")).body
    again = await daemon.call("POST", "/v1/admin/reload")
    assert again.json == {"changed": [], "needs_restart": ["server.port"]}


BROKEN = [
    *((f"sessions = {value}", "/limits/sessions") for value in ("0", "-1", '"five"', "1.5", "[]", "{}", '"5x"')),
    *((f"sessions = 5\n{key} = 1", f"/limits/{key}") for key in ("session", "turns", "SESSIONS", "audio", "x" * 200)),
    *((f"sessions = 5\nturn_s = {value}", "/limits/turn_s") for value in ("0", "-1", "nan", "inf", "'x'", "[1]")),
    *((f"sessions = 5\nidle_timeout_s = {value}", "/limits/idle_timeout_s") for value in ("0", "-1", "nan", "inf")),
    *((f"sessions = 5\n{line}", "") for line in (
        "=", "[", "sessions = 5", "a = ", "b = 'x", "[limits]", "c = 01", "\x00", "e = 2 3", "f",
    )),
    *((f"sessions = 5\n[{table}]\nx = 1", pointer) for table, pointer in (
        ("limit", "/limit"), ("log.level", ""), ("agents.Hall", "/agents"), ("agents.'a b'", "/agents"), ("store.x", "/store/x"),
    )),
    *((f"sessions = 5\n[agents.hall]\n{line}", "/agents/hall") for line in (
        "promt = 'x'", "prompt = 1", "upstream = 'mars'", "functions = 'all'", "functions = [1]", "settings = []",
        "settings.agent.think.provider.temperature = 'hot'", "settings.audio.input.sample_rate = 'fast'",
        "settings.agent = 'none'", "settings.audio.input.encoding = 'vinyl'",
    )),
    ("sessions = 5\n[deepgram]\nagent_url = 'ftp://x'", ""),
    *((f"sessions = 0\n{line}", "/limits/sessions") for line in ("turn_s = -1", "nonsense = 1")),
]  # fmt: skip


def _placed(detail: str, pointer: str) -> bool:
    """The detail says where in the file; what an agent resolves to has no line of its own."""
    return "line " in detail or "end of document" in detail or pointer == "/agents/hall"


async def test_fifty_broken_configurations_leave_everything_as_it_was_and_are_told_by_key_and_line(daemon: DaemonProcess) -> None:
    agents = (await daemon.call("GET", "/v1/agents")).body
    assert len(BROKEN) >= 50
    unlike: list[str] = []
    for text, pointer in BROKEN:
        before = changed(daemon, ("sessions = 5", text), ('fact = "old"', 'fact = "half"'))
        answer = await daemon.call("POST", "/v1/admin/reload")
        (daemon.state_dir.parent / "config.toml").write_text(before, encoding="utf-8")
        if answer.status != 422 or answer.json["code"] != "invalid-config":
            unlike.append(f"{text!r}: {answer.status} {answer.body!r}")
            continue
        errors = answer.json["errors"]
        if not any(error["pointer"].startswith(pointer) and _placed(error["detail"], pointer) for error in errors):
            unlike.append(f"{text!r}: {errors}")
    assert not unlike
    assert (await daemon.call("GET", "/v1/agents")).body == agents
    assert (await daemon.call("POST", "/v1/functions/fact/invoke", json={})).json["result"] == "old"
    assert b"agentd_session_limit 5.0" in (await daemon.call("GET", "/metrics")).body
    assert (await daemon.call("PUT", "/v1/sessions/kitchen")).status == 201


async def test_every_fault_is_listed_and_a_handler_that_does_not_load_keeps_the_configuration_out(daemon: DaemonProcess) -> None:
    before = changed(daemon, ("sessions = 5", "sessions = 0\nturn_s = -1\nnonsense = 1"))
    answer = await daemon.call("POST", "/v1/admin/reload")
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "/limits/nonsense",
        "/limits/sessions",
        "/limits/turn_s",
    ] or {error["pointer"] for error in answer.json["errors"]} == {"/limits/nonsense", "/limits/sessions", "/limits/turn_s"}
    assert all("config.toml, line " in error["detail"] for error in answer.json["errors"])
    (daemon.state_dir.parent / "config.toml").write_text(before, encoding="utf-8")
    handler = daemon.state_dir.parent / "handlers" / "broken.py"
    handler.write_text("def nothing(:\n", encoding="utf-8")
    changed(daemon, ("sessions = 5", "sessions = 6"))
    refused = await daemon.call("POST", "/v1/admin/reload")
    assert refused.status == 422
    assert b"agentd_session_limit 5.0" in (await daemon.call("GET", "/metrics")).body
    handler.unlink()
    daemon.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(30):
        while b"agentd_session_limit 6.0" not in (await daemon.call("GET", "/metrics")).body:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.02)
