"""The tables of the configuration that declare functions: what they take, and how a fault is told."""

from pathlib import Path
from typing import get_args

import pytest

from agentd.config import load
from agentd.config.functions import Tier
from agentd.errors import ConfigError
from agentd.functions import declare

HTTP = '[functions.http.weather]\ndescription = "The weather."\n'
MCP = "[functions.mcp.files]\n"


def faults(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.toml")
    return [f"{fault.pointer}: {fault.detail.partition(': ')[2]}" for fault in caught.value.errors]


def test_what_is_declared_and_what_is_a_handlers_stand_side_by_side(tmp_path: Path) -> None:
    text = f"""
        [functions.home]
        city = "Vienna"
        {HTTP}
        url = "http://127.0.0.1:9/{{city}}"
        parameters = {{ city = "string" }}
        [functions.mcp.files]
        command = "files"
        tools = {{ read = "read", write = {{ tier = "medium", filler = "One moment." }} }}
        [functions.mcp.more]
        url = "http://127.0.0.1:9/mcp"
        tools = ["one", "two"]
        [functions.delegated.set_beamer]
        description = "Switch the beamer."
        """
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    tables = load(tmp_path / "config.toml").functions
    assert set(tables) == {"home", "http", "mcp", "delegated"}
    assert tables["home"] == {"city": "Vienna"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HTTP, "/functions/http/weather/url: it is required"),
        (HTTP + 'url = "http://h"\ntires = "read"', "/functions/http/weather/tires: unknown key, did you mean 'tier'?"),
        (HTTP + 'url = "ftp://h"', "/functions/http/weather/url: it is an http or https URL"),
        (HTTP + 'url = "http://{host}/x"', "/functions/http/weather/url: an argument cannot stand in the host"),
        (HTTP + 'url = "http://me:pw@h/x"', "/functions/http/weather/url: no user stands in the URL"),
        (HTTP + 'url = "http://h/{city"', "/functions/http/weather/url: a brace is not closed"),
        (HTTP + 'url = "http://h"\nbody = { a = 1 }', "/functions/http/weather: a GET request has no body"),
        (HTTP + 'url = "http://h"\nresult = "current"', "/functions/http/weather/result: it is a JSON pointer"),
        (HTTP + 'url = "http://h"\nheaders = { Host = "x" }', "/functions/http/weather/headers: Host is set by the daemon"),
        (HTTP + 'url = "http://h"\nheaders = { "A B" = "x" }', "/functions/http/weather/headers: 'A B' is no name"),
        (HTTP + 'url = "http://h"\ntimeout_s = 301', "/functions/http/weather/timeout_s: input should be less than"),
        (HTTP + 'url = "http://h"\ntier = "none"', "/functions/http/weather/tier: input should be 'read'"),
        ('[functions.http.Weather]\ndescription = "x"\nurl = "http://h"', "/functions/http: 'Weather' is no name"),
        ('[functions.http]\nurl = "http://h"', "/functions/http/url: it must be a table"),
        (MCP + 'tools = "all"', "/functions/mcp/files: set command (the daemon starts the server) or url"),
        (MCP + 'tools = "all"\ncommand = "x"\nurl = "http://h/mcp"', "/functions/mcp/files: set command"),
        (
            MCP + 'tools = "all"\nurl = "http://h/mcp"\nargs = ["x"]',
            "/functions/mcp/files: args, env, pass_env, cwd and",
        ),
        (MCP + 'tools = "all"\ncommand = "x"\nheaders = { A = "x" }', "/functions/mcp/files: headers belong to"),
        (MCP + 'tools = "all"\nurl = "http://h/mcp?key=x"', "/functions/mcp/files/url: it is an http or https URL without"),
        (MCP + 'command = "x"', "/functions/mcp/files/tools: it is required"),
        (MCP + 'command = "x"\ntools = "all"\nenv = { "A=B" = "x" }', "/functions/mcp/files/env: 'A=B' is no name"),
        (MCP + 'command = "x"\ntools = "all"\nprefix = "F_"', "/functions/mcp/files/prefix: string should match"),
        ("[functions.delegated.a]\n", "/functions/delegated/a/description: it is required"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert [fault[: len(told)] for fault in faults(tmp_path, text)] == [told]


def test_no_value_of_a_table_is_told_with_a_fault(tmp_path: Path) -> None:
    text = HTTP + 'url = "http://h"\nheaders = { Authorization = { credential = "a b", prefix = "s3cret " }, Key = 7 }'
    told = " ".join(faults(tmp_path, text))
    assert "/functions/http/weather/headers/Authorization" in told
    assert "s3cret" not in told


def test_the_environment_declares_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("AGENTD_FUNCTIONS__HTTP__WEATHER", '{ description = "The weather.", url = "http://h" }')
    assert load(tmp_path / "config.toml").functions["http"]["weather"]["url"] == "http://h"


def test_tiers_are_the_same_everywhere() -> None:
    assert get_args(Tier) == get_args(declare.Tier)
