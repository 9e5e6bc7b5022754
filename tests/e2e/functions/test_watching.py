"""Handlers are loaded anew while somebody writes them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.cli.options import settings_from
from agentd.functions.workers.watch import watch
from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.handlers import Bench, eventually, within

pytestmark = pytest.mark.e2e

CONFIG = '[deepgram]\napi_key = "unused"\n[engine]\nmode = "never"\n'

HANDLER = """
from agentd.functions import function

@function(tier="read")
def tell() -> str:
    "Tell the version."
    return "VERSION"
"""


@pytest.fixture
async def writing(tmp_path: Path) -> AsyncIterator[tuple[DaemonProcess, Path]]:
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "tell.py").write_text(HANDLER.replace("VERSION", "one"))
    environment = {"AGENTD_PATHS__WATCH_FUNCTIONS": "true"}
    async with daemon_process(tmp_path, CONFIG, functions=folder, environment=environment) as daemon:
        yield daemon, folder


async def told(daemon: DaemonProcess) -> str:
    answer = await daemon.call("POST", "/v1/functions/tell/invoke", json={"arguments": {}})
    return str(answer.json["content"])


async def test_what_is_written_is_in_use_and_a_mistake_changes_nothing_and_is_told(
    writing: tuple[DaemonProcess, Path],
) -> None:
    daemon, folder = writing
    assert await told(daemon) == "one"
    (folder / "tell.py").write_text(HANDLER.replace("VERSION", "two"))
    (folder / "notes.txt").write_text("nothing to load")
    await eventually(lambda: any("tell.py changed and is loaded. Functions: 1." in line for line in daemon.stderr), "it was told")
    assert await told(daemon) == "two"

    (folder / "more.py").write_text(HANDLER.replace("tell", "more").replace("tier=", ""))
    await eventually(lambda: any("more.py changed. The functions were not reloaded" in line for line in daemon.stderr), "told")
    assert any("more.py:4:" in line for line in daemon.stderr)
    assert await told(daemon) == "two"
    assert (await daemon.call("GET", "/v1/functions")).json["problems"] == []

    (folder / "more.py").write_text(HANDLER.replace("tell", "more"))
    await eventually(lambda: any("is loaded. Functions: 2." in line for line in daemon.stderr), "it was mended")
    assert not any("notes.txt" in line for line in daemon.stderr)


async def test_a_running_call_keeps_its_code_while_files_change(bench: Bench) -> None:
    source = """
    @function(tier="read")
    async def version(ctx: CallContext, wait: bool = False) -> str:
        "Tell the version."
        while wait and not await ctx.store.get("go"):
            await asyncio.sleep(0.01)
        return "VERSION"

    @function(tier="read")
    async def go(ctx: CallContext) -> None:
        "Let it end."
        await ctx.store.set("go", True)
    """
    bench.write("v.py", source.replace("VERSION", "one"))
    await bench.start()
    lines: list[str] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(bench.directory, bench.functions.reload, lines.append))
        running = group.create_task(bench.call("version", wait=True))
        await eventually(lambda: bool(bench.functions._runner.at_work), "it runs")
        while not lines:  # what changes before the folder is watched is not seen
            bench.write("v.py", source.replace("VERSION", "two"))
            await within(5, asyncio.sleep(0.2))
        assert (await bench.call("version")).content == "two"
        await bench.call("go")
        await within(30, asyncio.wait({running}))
        watching.cancel()
    assert running.result().content == "one"


async def test_a_folder_that_is_not_there_is_told_and_not_watched(bench: Bench) -> None:
    await bench.start()
    lines: list[str] = []
    await within(30, watch(bench.directory / "nowhere", bench.functions.reload, lines.append))
    assert "cannot be watched" in lines[0]


def test_the_command_line_and_the_configuration_switch_it_on(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    assert not settings_from(file).paths.watch_functions
    assert settings_from(file, watch=True).paths.watch_functions
    file.write_text("[paths]\nwatch_functions = true\n")
    assert settings_from(file).paths.watch_functions
