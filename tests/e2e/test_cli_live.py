"""Commands that follow a running daemon, with a real one."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.daemon import daemon_process

pytestmark = pytest.mark.e2e


@asynccontextmanager
async def agentd(*words: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that goes on until it is told to stop."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", *map(str, words),
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(process: asyncio.subprocess.Process, type_: str, seen: list[dict[str, Any]]) -> dict[str, Any]:
    """The next event of that type."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := await process.stdout.readline():
            seen.append(json.loads(line))
            if seen[-1]["type"] == type_:
                return seen[-1]
    assert process.stderr is not None
    raise AssertionError(f"ended before {type_}: {(await process.stderr.read()).decode()}")


async def test_tail_shows_a_conversation_and_ends_with_its_session(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, "") as daemon:
        await daemon.call("PUT", "/v1/sessions/kitchen")
        async with (
            agentd("tail", "kitchen", "--json", "--state-dir", daemon.state_dir) as machine,
            agentd("tail", "--state-dir", daemon.state_dir) as person,
        ):
            assert person.stdout is not None
            seen: list[dict[str, Any]] = []
            await until(machine, "Snapshot", seen)
            shown = (await person.stdout.readline()).decode()
            text = {"role": "user", "content": "turn on the living room lamp"}
            await daemon.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json=text)
            await daemon.call("DELETE", "/v1/sessions/kitchen")
            await until(machine, "SessionEnded", seen)
            async with asyncio.timeout(30):
                assert await machine.wait() == 0
                while "ended, stopped (1 turn)" not in shown:
                    more = (await person.stdout.readline()).decode()
                    assert more, shown
                    shown += more
    numbers = [event["seq"] for event in seen if "seq" in event]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for line in (
        "watching; 1 session live",
        "user   turn on the living room lamp",
        "call   set_light(room=living room, light=lamp, on=True) → ok The living room lamp is on.",
        "agent  The living room lamp is on.",
        " completed · answered after ",
    ):
        assert line in shown, shown
    assert "MAPPED" not in shown


async def test_tail_goes_on_when_the_daemon_was_killed_and_started_again(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, "") as first:
        port = urlsplit(first.url).port
        async with agentd("tail", "--json", "--state-dir", first.state_dir) as tail:
            seen: list[dict[str, Any]] = []
            await until(tail, "Snapshot", seen)
            first.process.kill()
            await first.process.wait()
            await until(tail, "Lost", seen)
            async with daemon_process(tmp_path, "", environment={"AGENTD_SERVER__PORT": str(port)}) as second:
                await until(tail, "Snapshot", seen)
                await second.call("PUT", "/v1/sessions/hall")
                assert (await until(tail, "SessionStateChanged", seen))["session_id"] == "hall"
