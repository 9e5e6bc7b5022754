"""The README does what it says: its curl lines run as they stand, against a real daemon with the embedded engine."""

import asyncio
import json
import re
import shutil
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.daemon import ROOT, DaemonProcess, daemon_process

README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (apt-get install curl)"),
]


def block(heading: str, language: str) -> str:
    """The first code block in that language under a heading."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return section.split(f"```{language}\n", 1)[1].split("```", 1)[0]


def commands(text: str) -> list[str]:
    """The commands of a shell block: continuation lines joined, comments left out."""
    joined = text.replace("\\\n", " ")
    return [line for line in (re.sub(r"\s+#.*$", "", line).strip() for line in joined.splitlines()) if line]


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "functions" / "library.py").write_text(block("A function", "python"), encoding="utf-8")
    async with daemon_process(tmp_path, "", functions=tmp_path / "functions") as daemon:
        yield daemon


async def shell(daemon: DaemonProcess, folder: Path, command: str, *, may_time_out: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", command,
        cwd=folder,
        env={"PATH": f"{ROOT / '.venv/bin'}:/usr/bin:/bin", "A": daemon.url, "S": str(daemon.state_dir), "HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0 or (may_time_out and process.returncode == 28), f"{command}\n{out.decode()}\n{err.decode()}"
    return out.decode()


async def test_the_conversation_by_curl_runs_as_it_stands(daemon: DaemonProcess, tmp_path: Path) -> None:
    shutil.copy(ROOT / "agentd/demo/question.wav", tmp_path / "question.wav")
    answers: dict[str, str] = {}
    for command in commands(block("A conversation by curl", "bash")):
        if command.startswith("eval"):
            continue  # $A and $S are set by the test: `agentd env` would look into the home folder
        live = command.startswith("curl") and "/events" in command
        bounded = command.replace("curl ", "curl -sS --max-time 2 " if live else "curl -sS ", 1)
        key = re.search(r"\$A/v1/sessions/kitchen(/\w+)?", command)
        assert key is not None, command
        answers[(key[1] or "") + (" DELETE" if "DELETE" in command else "")] = await shell(
            daemon, tmp_path, bounded, may_time_out=live
        )
    assert json.loads(answers[""])["state"] == "active"
    typed = json.loads(answers["/messages"])
    assert typed["calls"][0]["name"] == "set_light", typed
    assert "lamp" in typed["said"]
    with wave.open(str(tmp_path / "answer.wav")) as answer:
        assert answer.getnframes() > answer.getframerate() / 2, "the reply is shorter than half a second"
    assert "lamp" in answers["/transcript"]
    assert "event: Snapshot" in answers["/events"]
    ended = json.loads(answers[" DELETE"])
    assert (ended["state"], ended["end_reason"]) == ("ended", "stopped")
    assert ended["usage"]["turns"] >= 2
    assert ended["usage"]["connection_s"] > 0


async def test_the_handler_of_the_readme_loads_and_is_understood(daemon: DaemonProcess, tmp_path: Path) -> None:
    listed = (await daemon.call("GET", "/v1/functions")).json
    assert "find_loan" in [item["name"] for item in listed["items"]], listed
    called = await shell(daemon, tmp_path, f"agentd functions call --state-dir '{daemon.state_dir}' find_loan title=Dune")
    assert "Dune is due next Tuesday." in called
    await daemon.call("PUT", "/v1/sessions/desk", json={"functions": ["find_loan"]})
    turn = await daemon.call(
        "POST", "/v1/sessions/desk/messages?wait=reply", json={"role": "user", "content": "when is Dune due back"}
    )
    assert "next Tuesday" in turn.json["said"], turn.body


def test_every_file_the_readme_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_command_the_readme_names_exists() -> None:
    from typer.main import get_command

    from agentd.cli.program import app

    known = set(getattr(get_command(app), "commands", {}))
    named = set(re.findall(r"(?:^|[`\s(])agentd (\w+)", README)) - {"runs", "token", "below"}
    assert named - known <= {"is"}, named - known


def test_home_assistants_example_is_yaml_of_calls_that_exist() -> None:
    text = block("Home Assistant", "yaml")
    for url, method in re.findall(r"url: \S+(/v1/\S+)\n\s+method: (\w+)", text):
        assert (method, url) in {("PUT", "/v1/sessions/kitchen"), ("POST", "/v1/sessions/kitchen/say")}
