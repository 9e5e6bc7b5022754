"""The engine as the daemon's child: start, key, death, restart, stop; real processes."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from agentd.config import EngineSettings
from agentd.engine.child import EngineChild
from agentd.errors import EngineNotReady
from tests.support.agent_client import agent_client, settings

pytestmark = pytest.mark.e2e

Program = Callable[[str], tuple[str, ...]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A stand-in for the engine: a small Python program."""

    def write(code: str) -> tuple[str, ...]:
        path = tmp_path / "engine.py"
        path.write_text(textwrap.dedent(code))
        return (sys.executable, str(path))

    return write


SCRIPTED = """
    import pathlib, sys, tempfile
    from agentd.config import EngineSettings
    from agentd.engine.main import run
    script = pathlib.Path(__file__).with_suffix(".yaml")
    script.write_text('')
    sys.exit(run(EngineSettings(), script=script, child_fd=int(sys.argv[1])))
"""


async def until(condition: Callable[[], bool], bound_s: float = 30.0) -> None:
    """Look until ``condition()`` is true: processes do not tell when they are gone."""
    async with asyncio.timeout(bound_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.models
async def test_the_real_engine_starts_as_a_child_greets_and_stops() -> None:
    pytest.importorskip("moonshine_voice", reason="the local extra is not installed")
    progress: list[str] = []
    child = EngineChild(EngineSettings(), progress=progress.append)
    with pytest.raises(EngineNotReady):
        child.target()
    await child.start()
    try:
        await child.wait_ready(120)
        url, http_url, key = child.target()
        assert http_url.startswith("http://127.0.0.1:")
        assert any("recognition" in line for line in progress)
        async with agent_client(url, key.get_secret_value()) as client:
            await client.send(settings(greeting="Hello."))
            await client.until("AgentAudioDone")
            assert len(client.audio()) > 10_000
        pid = child.pid
        assert pid is not None
        for name in ("cmdline", "environ"):
            assert key.get_secret_value().encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    finally:
        await child.stop()
    assert child.state == "stopped"
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_engine_is_restarted_with_another_key(program: Program) -> None:
    child = EngineChild(EngineSettings(), command=program(SCRIPTED))
    await child.start()
    try:
        await child.wait_ready(120)
        _, _, key = child.target()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await until(lambda: child.state != "ready")
        with pytest.raises(EngineNotReady):
            child.target()
        await child.wait_ready(120)
        assert child.starts == 2
        new_url, _, new_key = child.target()
        assert new_key != key
        async with agent_client(new_url, new_key.get_secret_value()) as client:
            await client.until("Welcome")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with agent_client(new_url, key.get_secret_value()):
                pass
    finally:
        await child.stop()


async def test_a_child_gets_the_daemons_limits(program: Program) -> None:
    child = EngineChild(EngineSettings(idle_timeout_s=0.2), command=program(SCRIPTED))
    await child.start()
    try:
        await child.wait_ready(120)
        url, _, key = child.target()
        async with agent_client(url, key.get_secret_value()) as client:
            assert (await client.until("Error"))["code"] == "CLIENT_MESSAGE_TIMEOUT"
    finally:
        await child.stop()


async def test_an_engine_that_cannot_run_here_says_why_and_is_not_tried_again(program: Program) -> None:
    code = """
        import json, os, sys
        os.write(int(sys.argv[1]), json.dumps({"failed": "moonshine-voice is not installed"}).encode() + b"\\n")
        sys.exit(1)
    """
    child = EngineChild(EngineSettings(), command=program(code))
    await child.start()
    with pytest.raises(EngineNotReady, match="moonshine-voice"):
        await child.wait_ready(120)
    assert child.state == "failed"
    assert child.starts == 1
    await child.stop()


async def test_an_engine_that_keeps_dying_is_tried_again_with_pauses(program: Program) -> None:
    child = EngineChild(EngineSettings(), command=program("raise SystemExit(3)"))
    begun = asyncio.get_running_loop().time()
    await child.start()
    await until(lambda: child.starts >= 3)
    assert asyncio.get_running_loop().time() - begun >= 0.6, "0.2 s before the second, 0.4 s before the third"
    with pytest.raises(EngineNotReady, match="status 3"):
        await child.wait_ready(0.01)
    await child.stop()


async def test_a_program_that_does_not_exist_is_a_failure_that_names_it() -> None:
    child = EngineChild(EngineSettings(), command=("/nonexistent/engine",))
    await child.start()
    with pytest.raises(EngineNotReady, match="nonexistent"):
        await child.wait_ready(120)
    await child.stop()


async def test_the_engine_dies_with_its_daemon(program: Program, tmp_path: Path) -> None:
    daemon = f"""
        import asyncio
        from agentd.config import EngineSettings
        from agentd.engine.child import EngineChild
        async def main():
            child = EngineChild(EngineSettings(), command={program(SCRIPTED)!r})
            await child.start()
            await child.wait_ready(120)
            print(child.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    path = tmp_path / "daemon.py"
    path.write_text(textwrap.dedent(daemon))
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        pid = 0
        while not pid:
            line = await process.stdout.readline()
            pid = int(line) if line.strip().isdigit() else 0
    process.kill()
    await process.wait()
    await until(lambda: not _alive(pid))
