"""docs/functions.md does what it says: its files load, its settings are taken, its commands run as they stand, in order.

A block whose first line is a comment with a path is that file; what stands before it in the page is there already when
a command runs. Addresses at example.org are a server of the test's.
"""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.daemon import ROOT, DaemonProcess, daemon_process
from tests.support.mcp_servers import TIME_SERVER, needs_time_server
from tests.support.shell import Shell

pytestmark = [needs_time_server, pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(600)]

PAGE = (ROOT / "docs/functions.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SITES = ("https://library.example.org", "https://pool.example.org")


async def book(request: web.Request) -> web.Response:
    assert request.headers["Authorization"] == "Bearer the key"
    return web.json_response({"place": "on the second shelf"} if request.query["title"] == "Dune" else None)


async def pool(request: web.Request) -> web.Response:
    assert request.headers["Authorization"] == "Bearer the key"
    return web.json_response({"water": {"celsius": 24}})


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """The address of the sites that the page speaks of."""
    app = web.Application()
    app.router.add_get("/books", book)
    app.router.add_get("/v1/pools/{pool}/now", pool)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[DaemonProcess]:
    (tmp_path / "functions").mkdir()
    # uvx fetches a server's package and runs it; here it is installed already.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uvx").write_text(f'#!/bin/sh\nshift\nexec {TIME_SERVER} "$@"\n', encoding="utf-8")
    (tmp_path / "bin" / "uvx").chmod(0o755)
    path = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    async with daemon_process(tmp_path, "", functions=tmp_path / "functions", environment=path) as running:
        yield running


class Reader:
    """Somebody who does what the page says, block by block."""

    def __init__(self, daemon: DaemonProcess, folder: Path, site: str) -> None:
        self.shell = Shell(daemon, folder)
        self.printed: list[str] = []
        self._site = site
        self._config = folder / "config.toml"
        (self.shell.home / "functions").symlink_to(folder / "functions")
        (self.shell.home / "config.toml").symlink_to(self._config)

    async def follow(self) -> None:
        """All of the page."""
        for block in BLOCK.finditer(PAGE):
            await self._do(block["language"], block["code"])

    async def _do(self, language: str, code: str) -> None:
        for address in SITES:
            code = code.replace(address, self._site)
        match language:
            case "sh":
                self.printed.append(await self.shell.run(code, within_s=90))
            case "toml":
                with self._config.open("a", encoding="utf-8") as file:
                    file.write(code)
            case "python":
                name = re.match(r"# (\S+)\n", code)
                assert name is not None, f"which file is this?\n{code}"
                path = self.shell.home / name[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(code, encoding="utf-8")
            case _:
                raise AssertionError(f"a block of {language} proves nothing")


async def test_the_page_does_what_it_says(daemon: DaemonProcess, tmp_path: Path, site: str) -> None:
    reader = Reader(daemon, tmp_path, site)
    await reader.follow()
    printed = "\n".join(reader.printed)
    for words in (
        "The cat gets 2 of tuna.",
        "Dune is on the second shelf.",
        "The garage is open.",
        '"enabled":false',
        "The display shows",
        "7 passed",
        '"day_of_week"',
    ):
        assert words in printed, f"{words!r} is not in\n{printed}"
    listed: dict[str, Any] = (await daemon.call("GET", "/v1/functions")).json
    assert listed["problems"] == []
    assert {"get_pool", "show_picture", "find_book"} <= {item["name"] for item in listed["items"]}
    pool = await daemon.call("POST", "/v1/functions/get_pool/invoke", json={"arguments": {"pool": "garden"}})
    assert pool.json["result"] == 24
    tried = await reader.shell.run("agentd functions test --run", within_s=90)
    assert "examples are understood" in tried
