"""Every shell block of docs/ that talks to the daemon runs, as it stands, against a real one.

A block is told by the address in it (``$A``). What cannot run here says so itself, in a comment before the block:
``<!-- not run: it needs a microphone -->``. The README and the pages of ``OWN_TESTS`` have tests of their own, which look at
the answers too.
"""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.shell import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
OWN_TESTS = {"steering.md", "functions.md", "functions-without-python.md"}
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in OWN_TESTS]

BLOCK = re.compile(
    r"(?P<note><!-- not run: [^\n]+ -->\n+)?```(?:bash|sh|shell|console)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


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
    shell = Shell(daemon, tmp_path)
    for code in blocks(page):
        await shell.run(code)


def test_the_pages_are_found() -> None:
    assert ROOT / "docs/streams.md" in with_blocks()
