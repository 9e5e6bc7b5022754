"""``agentd audit``: what a person reads and what a script gets."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agentd.cli.program import app
from agentd.errors import ConfigError
from agentd.functions.audit import Audit
from agentd.functions.audit.file import FILE
from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.declare import Tier
from agentd.store import Store
from tests.unit.functions.audit.conftest import call

THREE: tuple[Tier, ...] = ("read", "low", "high")


@pytest.fixture
async def folder(tmp_path: Path, store: Store, audit: Audit) -> Path:
    """A state folder after a daemon's life with three calls."""
    for tier in THREE:
        asked = call(tier, call_id=f"{tier}-1")
        await audit.intent(asked)
        audit.result(asked, CallOutcome("error" if tier == "high" else "ok", "Done."), 0.01)
    await audit.close()
    await store.stop()
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["audit", *words, "--state-dir", str(folder)])


def shown(folder: Path, *words: str) -> list[dict[str, Any]]:
    result = run(folder, "show", "--json", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ((), [1, 2, 3, 4, 5, 6, 7, 8]),
        (("-n", "0"), [1, 2, 3, 4, 5, 6, 7, 8]),
        (("-n", "2"), [7, 8]),
        (("--tier", "low"), [4, 5]),
        (("--kind", "result"), [3, 5, 7]),
        (("--kind", "result", "--outcome", "ok"), [3, 5]),
        (("--outcome", "error"), [7]),
        (("--function", "act", "--tier", "high"), [6, 7]),
        (("--session", "s", "-n", "1"), [7]),
        (("--session", "r", "-n", "1"), [7]),
        (("--session", "kitchen"), []),
        (("--since", "1h"), [1, 2, 3, 4, 5, 6, 7, 8]),
        (("--since", "2999-01-01T00:00Z"), []),
        (("--since", "2020-01-01"), [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
async def test_lines_are_chosen(folder: Path, words: tuple[str, ...], numbers: list[int]) -> None:
    assert [line["seq"] for line in shown(folder, *words)] == numbers


async def test_people_read_a_line_per_line(folder: Path) -> None:
    result = run(folder, "show", "-n", "2")
    first, second = (line.split() for line in result.output.splitlines())
    assert first[1:7] == ["result", "act", "high", "error", "s", "high-1"]
    assert second[1] == "stop"


async def test_what_was_written_is_well(folder: Path) -> None:
    result = run(folder, "verify")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("lines       8 (3 intent, 3 result, 1 start, 1 stop)")
    assert result.output.endswith("ok\n")
    last = next(line.split()[1] for line in result.output.splitlines() if line.startswith("last"))
    assert run(folder, "verify", "--expect", last).exit_code == 0
    assert run(folder, "verify", "--expect", "8:" + "0" * 64).exit_code == 1
    told = json.loads(run(folder, "verify", "--json").output)
    assert (told["ok"], told["lines"], told["sealed"], f"{told['last']['seq']}:{told['last']['sha256']}") == (True, 8, True, last)


async def test_the_first_bad_line_is_named(folder: Path) -> None:
    file = folder / FILE
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], lines[3].replace(b'"low"', b'"read"'), *lines[4:]]))
    result = run(folder, "verify")
    assert result.exit_code == 1
    assert result.output.endswith(f"NOT ok: first at {file}:4\n")


@pytest.mark.parametrize(("kept", "missing"), [(5, "the last 3 lines are missing"), (None, "the last 8 lines are missing")])
async def test_lines_cut_off_are_missed_with_the_stores_help(folder: Path, kept: int | None, missing: str) -> None:
    file = folder / FILE
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:kept]))
    result = run(folder, "verify")
    assert result.exit_code == 1
    assert missing in result.output


async def test_without_the_store_it_says_that_nobody_remembers(folder: Path) -> None:
    for path in folder.glob("store.db*"):
        path.unlink()
    result = run(folder, "verify")
    assert result.exit_code == 0
    assert "not sealed" in result.output


@pytest.mark.parametrize("command", ["verify", "show"])
def test_where_no_daemon_was_there_is_no_audit(tmp_path: Path, command: str) -> None:
    result = run(tmp_path, command)
    assert isinstance(result.exception, ConfigError)
    assert "There is no audit in" in result.exception.detail


@pytest.mark.parametrize("words", [("verify", "--expect", "nonsense"), ("show", "--since", "yesterday")])
def test_what_cannot_be_understood_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run(tmp_path, *words).exit_code == 2


async def test_a_name_that_a_model_made_up_is_one_word_on_one_line_of_a_terminal(tmp_path: Path, audit: Audit) -> None:
    invented = "x\x1b[2J\n2026-01-01T00:00:00.000Z  result  unlock\u202e"
    audit.denied(CallRequest("c1", invented, {}), None, outcome="unknown", reason="unknown")
    await audit.close()
    result = run(tmp_path, "show", "--kind", "denied")
    (line,) = result.output.splitlines()
    assert line.isprintable()
    assert "x\u241b[2J\u240a2026" in line
    assert shown(tmp_path, "--kind", "denied")[0]["function"] == invented


def test_a_line_edited_to_hold_anything_is_found_and_printed(folder: Path) -> None:
    file = folder / FILE
    odd = {"run_id": {"a": 1}, "call_id": ["a"], "function": {"x": [1]}, "time": 7, "outcome": None, "tier": "\x07", "first": "1"}
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = json.dumps(json.loads(lines[2]) | odd).encode() + b"\n"
    file.write_bytes(b"".join(lines))
    verified = run(folder, "verify")
    assert (verified.exit_code, "audit.jsonl:3: number 3 was changed" in verified.output) == (1, True)
    told = run(folder, "show")
    assert (told.exit_code, len(told.output.splitlines())) == (0, 8)
    assert "\x07" not in told.output
