"""Every shell block of the README and of docs/ that talks to the daemon runs, as it stands, against a real one.

A block is told by the address in it (``$A``). What cannot run here says so itself, in a comment before the block:
``<!-- not run: it needs a microphone -->``.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, daemon_process

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

BLOCK = re.compile(
    r"(?P<note><!-- not run: [^\n]+ -->\n+)?```(?:bash|sh|shell|console)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)

CURL = """#!/bin/bash
# A person's curl, but for what a test needs: faults are failures, and what would go on for ever ends.
case " $* " in *" -N "*|*" --no-buffer "*) bound="--max-time 3" ;; esac
"$REAL_CURL" -sS --fail-with-body ${bound:-} "$@"; status=$?
[ "$status" = 28 ] && [ -n "${bound:-}" ] && exit 0
exit "$status"
"""


def blocks(page: Path) -> Iterator[str]:
    """The blocks of a page that are to run."""
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if "$A" in found["code"] and not found["note"]:
            yield found["code"]


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    async with daemon_process(tmp_path, "") as running:
        yield running


def with_blocks() -> list[Path]:
    return [page for page in PAGES if any(blocks(page))]


@pytest.mark.parametrize("page", with_blocks(), ids=lambda page: page.name)
async def test_every_block_of_the_page_runs(page: Path, daemon: DaemonProcess, tmp_path: Path) -> None:
    tools, home = tmp_path / "tools", tmp_path / "home"
    tools.mkdir()
    (home / ".local/state").mkdir(parents=True)
    (home / ".local/state/agentd").symlink_to(daemon.state_dir)
    (tools / "curl").write_text(CURL, encoding="utf-8")
    (tools / "curl").chmod(0o755)
    shutil.copy(ROOT / "agentd/demo/question.wav", home / "question.wav")
    environment = {
        "PATH": f"{tools}:{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "A": daemon.url,
        "S": str(daemon.state_dir),
        "REAL_CURL": str(shutil.which("curl")),
    }
    for code in blocks(page):
        process = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", code,
            cwd=home, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert process.returncode == 0, f"{code}\n{out.decode(errors='replace')}"


def test_a_page_that_shows_a_call_of_the_api_lets_it_run() -> None:
    assert ROOT / "README.md" in with_blocks()
