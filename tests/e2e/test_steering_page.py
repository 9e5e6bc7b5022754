"""docs/steering.md does what it says: its shell blocks run as they stand, with recorded speech and the embedded engine."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.http.routes import ROUTES
from agentd.sessions.commands import Outcome
from tests.support.daemon import ROOT, DaemonProcess, daemon_process

PAGE = (ROOT / "docs/steering.md").read_text(encoding="utf-8")

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300)]


def block(heading: str, language: str) -> str:
    """The first code block in that language under a heading."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return section.split(f"```{language}\n", 1)[1].split("```", 1)[0]


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    async with daemon_process(tmp_path, "") as daemon:
        yield daemon


async def answers(daemon: DaemonProcess, folder: Path, script: str) -> list[dict[str, object]]:
    """What the calls of a shell block print."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", script.replace("curl -H", "curl -sS -H"),
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "A": daemon.url, "S": str(daemon.state_dir), "HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return [json.loads(line) for line in out.splitlines()]


async def test_the_page_runs_as_it_stands(daemon: DaemonProcess, tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests/data/speech/set_timer.wav", tmp_path / "question.wav")
    started, spoken, played = await answers(daemon, tmp_path, block("Say something", "bash"))
    assert started["state"] == "active"
    assert (spoken["state"], played["state"], played["delivered"]) == ("spoken", "played", False)

    found = await answers(daemon, tmp_path, block("Ask something", "bash"))
    asked = next(one for one in found if "answered" in one)  # the recording may end in silence that is still being sent
    assert (asked["state"], asked["answered"]) == ("answered", True)
    assert "ten minutes" in str(asked["heard"])
    assert (tmp_path / "heard.wav").stat().st_size > 44, "the question was heard"
    transcript = (await daemon.call("GET", "/v1/sessions/kitchen/transcript", headers={"Accept": "text/plain"})).body.decode()
    for text in ("Dinner is ready.", "The front door is open.", "What can I do for you?", "ten minutes"):
        assert text in transcript
    metrics = (await daemon.call("GET", "/metrics")).body.decode()
    assert 'agentd_commands_total{kind="say",outcome="spoken"} 2.0' in metrics
    assert 'agentd_commands_total{kind="ask",outcome="answered"} 1.0' in metrics


def test_every_outcome_and_route_of_the_page_exists() -> None:
    table = PAGE.split("| outcome | means |", 1)[1].split("\n\n", 1)[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(Outcome.__args__)  # type: ignore[attr-defined]
    known = {(route.method, route.path.replace("/v1/sessions/{id}", "…")) for route in ROUTES}
    for method, path in re.findall(r"`(GET|PUT|POST|PATCH|DELETE) (…/[\w-]+)", PAGE):
        assert (method, path) in known, (method, path)
