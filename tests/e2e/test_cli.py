"""The command line, as a person runs it: a process, its output and its exit status."""

import asyncio
import json
import shlex
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd import __version__
from tests.support.command_line import FakeDaemon, agentd, fake_daemon
from tests.support.model_server import Answer, called, delta, model_server

pytestmark = pytest.mark.e2e

KEY = "dg-0123456789abcdef-secret"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with fake_daemon(tmp_path / "state") as fake:
        yield fake


# --- without a daemon ------------------------------------------------------------------------------------------------


async def test_help_names_every_command_and_loads_nothing_heavy(tmp_path: Path) -> None:
    ran = await agentd("--help", cwd=tmp_path)
    for command in (
        "serve",
        "engine",
        "demo",
        "check",
        "doctor",
        "token",
        "env",
        "sessions",
        "say",
        "tell",
        "ask",
        "talk",
        "tail",
        "export",
        "functions",
    ):
        assert f"\n  {command} " in ran.out
    code = "import sys, agentd.cli; print(*sorted(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert not {"aiohttp", "pydantic", "numpy", "deepgram", "onnxruntime", "structlog"} & set(out.decode().split())


async def test_version_is_told(tmp_path: Path) -> None:
    assert (await agentd("--version", cwd=tmp_path)).out == f"agentd {__version__}\n"


@pytest.mark.parametrize(
    "words", [["serve", "--port", "many"], ["nonsense"], ["sessions", "show"], ["say", "kitchen"], ["engine", "--bogus"]]
)
async def test_wrong_usage_is_status_2(tmp_path: Path, words: list[str]) -> None:
    ran = await agentd(*words, cwd=tmp_path)
    assert ran.status == 2
    assert "Error: " in ran.err


@pytest.mark.parametrize("command", ["serve", "engine", "demo", "check", "doctor", "env", "sessions", "token"])
async def test_a_wrong_configuration_is_one_line_and_status_2(tmp_path: Path, command: str) -> None:
    (tmp_path / "bad.toml").write_text("[server]\nprot = 1\n")
    ran = await agentd(command, "--config", "bad.toml", cwd=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "agentd: server.prot in bad.toml, line 2: unknown key, did you mean 'port'?\n"


async def test_check_prints_a_configuration_that_loads_again_with_secrets_masked(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        f"[deepgram]\napi_key = '{KEY}'\nproxy = 'http://user:{KEY}@proxy:1'\n[functions.home]\nsecret = '{KEY}'\n"
        f"[agents.home]\nprompt = 'a \"quoted\" prompt'\n[agents.home.settings.agent.think.endpoint]\n"
        f"url = 'http://127.0.0.1:1/v1'\nheaders = {{ authorization = 'Bearer {KEY}' }}\n"
    )
    ran = await agentd("check", cwd=tmp_path)
    assert ran.status == 0, ran.err
    assert KEY not in ran.out
    (tmp_path / "again.toml").write_text(ran.out)
    again = await agentd("check", "--config", "again.toml", cwd=tmp_path)
    assert again.out == ran.out
    as_json = json.loads((await agentd("check", "--json", cwd=tmp_path)).out)
    assert as_json["deepgram"]["api_key"] == "***"
    assert as_json["deepgram"]["proxy"] == "http://***@proxy:1"
    assert as_json["agents"]["home"]["prompt"] == 'a "quoted" prompt'


async def test_check_and_doctor_name_tables_that_no_handler_reads_and_what_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir(mode=0o755)
    (tmp_path / "functions/weather.py").write_text(DOOR)
    (tmp_path / "functions/_shared.py").write_text("")
    (tmp_path / "config.toml").write_text(
        "[functions.wether]\nplace = 'x'\n[functions.weather]\nplace = 'x'\n[functions.htpp]\n[functions.shared]\na = 1\n"
    )
    ran = await agentd("check", cwd=tmp_path)
    assert ran.status == 0, ran.err
    notes = ran.err.splitlines()
    assert [note.partition(":")[0] for note in notes] == ["note"] * 3
    assert [note.rpartition("; ")[2] for note in notes if ";" in note] == [
        "is [functions.http] meant?",
        "is [functions.weather] meant?",
    ]
    assert any("[functions.shared]: nobody reads it, there is no shared.py in functions" in note for note in notes)
    found = json.loads((await agentd("doctor", "--json", cwd=tmp_path)).out)
    told = [finding for finding in found if "nobody reads it" in finding["detail"]]
    assert [(finding["subject"], finding["level"]) for finding in told] == [("functions", "warn")] * 3


async def test_env_can_be_evaluated_by_a_shell(tmp_path: Path) -> None:
    state = tmp_path / "a folder"
    ran = await agentd("env", "--state-dir", state, cwd=tmp_path)
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f'eval {shlex.quote(ran.out)}; printf "%s|%s" "$A" "$S"', stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode() == f"http://127.0.0.1:8690|{state}"


async def test_without_a_daemon_client_commands_say_how_to_start_it(tmp_path: Path) -> None:
    ran = await agentd("sessions", cwd=tmp_path)
    assert ran.status == 1
    assert "no token at" in ran.err
    state = tmp_path / "state"
    state.mkdir()
    (state / "token").write_text("the-token\n")
    (state / "agentd.url").write_text("http://127.0.0.1:9\n")
    ran = await agentd("sessions", "--state-dir", state, cwd=tmp_path)
    assert ran.status == 1
    assert ran.err == "agentd: no daemon at http://127.0.0.1:9 (Connection refused). Start it with: agentd serve\n"


async def test_doctor_finds_what_is_wrong_and_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = await agentd(
            "doctor",
            "--json",
            cwd=tmp_path,
            AGENTD_SERVER__PORT=str(taken.getsockname()[1]),
            AGENTD_ENGINE__MODE="never",
        )
    assert ran.status == 1, ran.err
    findings = {finding["subject"]: finding for finding in json.loads(ran.out)}
    assert findings["python"]["level"] == "ok"
    for subject, level in (("address", "fail"), ("upstream", "fail"), ("functions", "warn")):
        assert findings[subject]["level"] == level, findings[subject]
        assert findings[subject]["remedy"]


DOOR = """
from agentd.functions import function

@function(tier="high")
def unlock_door() -> str:
    "Unlock the door."
    return "It is unlocked."
"""

ON_THE_DOOR = """
[agents.home]
functions = ["unlock_door", "ask_bell"]
allow_high = ["unlock_dor"]

[functions.delegated.ask_bell]
description = "Ask the bell."
tier = "low"
"""


async def test_doctor_names_functions_that_agents_name_and_nobody_offers(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/door.py").write_text(DOOR, encoding="utf-8")
    (tmp_path / "config.toml").write_text(ON_THE_DOOR, encoding="utf-8")
    ran = await agentd("doctor", "--json", cwd=tmp_path)
    (unknown,) = [finding for finding in json.loads(ran.out) if finding["subject"] == "agents"]
    assert unknown["detail"] == "allow_high of home names unlock_dor, which is not loaded"
    assert unknown["remedy"] == "is unlock_door meant?"


async def test_doctor_asks_deepgram_only_when_told_to(daemon: "FakeDaemon", tmp_path: Path) -> None:
    asked = {"DEEPGRAM_API_KEY": KEY, "AGENTD_DEEPGRAM__REST_URL": (daemon.state / "agentd.url").read_text().strip()}
    daemon.key = f"Token {KEY}"
    silent = await agentd("doctor", cwd=tmp_path, **asked)
    assert daemon.asked == []
    assert KEY not in silent.out + silent.err
    accepted = await agentd("doctor", "--online", cwd=tmp_path, **asked)
    assert "accepts the key" in accepted.out
    daemon.answers["GET /v1/projects"] = (401, {})
    refused = await agentd("doctor", "--online", cwd=tmp_path, **asked)
    assert refused.status == 1
    assert "check DEEPGRAM_API_KEY" in refused.out


async def test_doctor_asks_think_endpoints_only_when_told_to_and_says_what_their_models_can_do(tmp_path: Path) -> None:
    async with (
        model_server(Answer([called("get_time")])) as (caller, calls),
        model_server(Answer([delta(content="Noon.")])) as (_, talks),
        model_server(Answer(status=401, content_type="text/plain", body=b"bad key sk-secret")) as (_, refuses),
        model_server(Answer()) as (unlisted, elsewhere),
    ):
        agents = {"calls": calls, "talks": talks, "refuses": refuses, "elsewhere": elsewhere}
        config = "".join(
            f'[agents.{name}.settings.agent.think]\nprovider = {{ type = "open_ai", model = "m" }}\n'
            f'endpoint = {{ url = "{url}", headers = {{ api-key = "sk-secret" }} }}\n'
            for name, url in agents.items()
        )
        listed = [url.partition("/openai")[0] for url in (calls, talks, refuses)]
        (tmp_path / "config.toml").write_text(f"[security]\nallowed_endpoints = {json.dumps(listed)}\n{config}")
        asked = ("doctor", "--json", "--config", tmp_path / "config.toml")
        silent = await agentd(*asked, cwd=tmp_path)
        assert [finding["subject"] for finding in json.loads(silent.out)].count("agent calls") == 1
        assert caller.requests == []
        ran = await agentd(*asked, "--online", cwd=tmp_path)
        findings = {finding["subject"]: finding for finding in json.loads(ran.out)}
        assert findings["agent calls"]["level"] == "ok"
        assert findings["agent talks"]["level"] == "warn"
        assert findings["agent refuses"]["level"] == "fail"
        assert "answered 401: bad key ***" in findings["agent refuses"]["detail"]
        assert "is not in [security] allowed_endpoints" in findings["agent elsewhere"]["detail"]
        assert unlisted.requests == []
        assert caller.requests[0]["headers"]["api-key"] == "sk-secret"
        assert "sk-secret" not in ran.out + ran.err


# --- tokens ----------------------------------------------------------------------------------------------------------


async def test_a_token_works_is_listed_and_written_privately(tmp_path: Path) -> None:
    from agentd.door import TokenStore

    state, out = tmp_path / "state", tmp_path / "token.txt"
    made = await agentd("token", "--scope", "metrics", "--name", "prometheus", "--out", out, "--state-dir", state, cwd=tmp_path)
    assert (made.status, made.out) == (0, ""), made.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    store = TokenStore(state)
    store.load_or_create()
    identity = store.verify(out.read_text().strip())
    assert identity is not None
    assert (identity.name, identity.scopes) == ("prometheus", frozenset({"metrics"}))
    listed = json.loads((await agentd("token", "--json", "--state-dir", state, cwd=tmp_path)).out)
    assert [record["name"] for record in listed] == ["first", "prometheus"]
    again = await agentd("token", "--scope", "metrics", "--out", out, "--state-dir", state, cwd=tmp_path)
    assert again.status == 2
    assert "only written to a new file" in again.err


async def test_a_token_is_replaced_and_ended_by_its_name(tmp_path: Path) -> None:
    state = ("--state-dir", tmp_path / "state")
    old = (await agentd("token", "--scope", "read", "--agent", "kitchen", "--name", "grafana", *state, cwd=tmp_path)).out.strip()
    rotated = await agentd("token", "rotate", "grafana", "--overlap-s", "600", *state, cwd=tmp_path)
    assert rotated.status == 0, rotated.err
    assert rotated.out.strip() not in ("", old)
    listed = json.loads((await agentd("token", "list", "--json", *state, cwd=tmp_path)).out)
    assert [(one["name"], one["agents"], one["expires"] is None) for one in listed[1:]] == [
        ("grafana", ["kitchen"], False),
        ("grafana", ["kitchen"], True),
    ]
    assert (await agentd("token", "revoke", "grafana", *state, cwd=tmp_path)).status == 0
    table = (await agentd("token", *state, cwd=tmp_path)).out
    assert [line.split()[0] for line in table.splitlines()] == ["NAME", "first"]
    gone = await agentd("token", "revoke", "grafana", *state, cwd=tmp_path)
    assert (gone.status, "no token 'grafana'" in gone.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scope", "control", "--scope", "confirm"], "two tokens"),
        (["--name", "x"], "say what the token may do"),
        (["--scope", "admin", "--agent", "kitchen"], "whole daemon"),
        (["--scope", "everything"], "unknown scope everything"),
        (["--scope", "read", "--group", "root"], "needs --out"),
        (["--scope", "read", "--out", "x", "--group", "no-such-group"], "there is no group 'no-such-group'"),
        (["--scope", "read", "--out", "no/such/folder"], "cannot write no/such/folder"),
    ],
)
async def test_a_token_that_cannot_be_made_is_told(tmp_path: Path, words: list[str], said: str) -> None:
    ran = await agentd("token", *words, "--state-dir", tmp_path / "state", cwd=tmp_path)
    assert ran.status == 2
    assert said in ran.err


# --- with a daemon ---------------------------------------------------------------------------------------------------


async def test_sessions_are_listed_as_columns_and_as_json(daemon: FakeDaemon, tmp_path: Path) -> None:
    session = {
        "id": "kitchen",
        "state": "active",
        "agent": "home",
        "upstream": "engine",
        "usage": {"turns": 2},
        "end_reason": None,
    }
    daemon.answers["GET /v1/sessions"] = (200, {"items": [session], "next": None})
    ran = await agentd("sessions", "--state-dir", daemon.state, cwd=tmp_path)
    assert [line.split() for line in ran.out.splitlines()] == [
        ["ID", "STATE", "AGENT", "UPSTREAM", "TURNS", "STARTED", "END"],
        ["kitchen", "active", "home", "engine", "2"],
    ]
    assert (await agentd("sessions", "list", "--state-dir", daemon.state, cwd=tmp_path)).out == ran.out
    as_json = await agentd("sessions", "--json", "--state-dir", daemon.state, cwd=tmp_path)
    assert json.loads(as_json.out)["items"] == [session]


async def test_start_show_and_stop_use_the_calls_of_the_api(daemon: FakeDaemon, tmp_path: Path) -> None:
    where = ["--state-dir", str(daemon.state)]
    for words in (
        [*where, "start", "kitchen", "--prompt", "Be brief."],
        ["show", "kitchen", *where],
        ["stop", "kitchen", "--drain", *where],
        ["start", *where, "hall"],
    ):
        ran = await agentd("sessions", *words, cwd=tmp_path)
        assert ran.status == 0, ran.err
    assert daemon.asked == [
        ("PUT", "/v1/sessions/kitchen", {"prompt": "Be brief."}),
        ("GET", "/v1/sessions/kitchen", None),
        ("DELETE", "/v1/sessions/kitchen?drain=true", None),
        ("PUT", "/v1/sessions/hall", None),
    ]


async def test_tell_prints_the_reply_and_say_is_silent(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.answers["POST /v1/sessions/kitchen/messages"] = (200, {"said": "The lamp is on.", "outcome": "completed"})
    told = await agentd("tell", "kitchen", "lamp on", "--state-dir", daemon.state, cwd=tmp_path)
    said = await agentd("say", "kitchen", "Dinner.", "--timeout-s", "5", "--state-dir", daemon.state, cwd=tmp_path)
    assert (told.out, said.out, said.status) == ("The lamp is on.\n", "", 0)
    assert daemon.asked == [
        ("POST", "/v1/sessions/kitchen/messages?wait=reply&timeout_s=30", {"role": "user", "content": "lamp on"}),
        ("POST", "/v1/sessions/kitchen/say?timeout_s=5", {"text": "Dinner."}),
    ]


async def test_a_problem_is_one_line_with_its_faults_below(daemon: FakeDaemon, tmp_path: Path) -> None:
    problem = {
        "code": "invalid-request",
        "detail": "The text is empty.",
        "errors": [{"pointer": "/text", "detail": "at least 1"}],
    }
    daemon.answers["POST /v1/sessions/kitchen/say"] = (422, problem)
    ran = await agentd("say", "kitchen", "", "--state-dir", daemon.state, cwd=tmp_path)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "agentd: The text is empty. (invalid-request)\n  /text: at least 1\n"


async def test_something_else_at_the_address_is_told(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.answers["GET /v1/sessions"] = (200, b"<html>")
    ran = await agentd("sessions", "--state-dir", daemon.state, cwd=tmp_path)
    assert ran.status == 1
    assert "is this agentd?" in ran.err


async def test_a_name_cannot_leave_its_place_in_the_path(daemon: FakeDaemon, tmp_path: Path) -> None:
    await agentd("sessions", "--state-dir", daemon.state, "show", "../functions?x=1", cwd=tmp_path)
    assert daemon.asked == [("GET", "/v1/sessions/..%2Ffunctions%3Fx=1", None)]
