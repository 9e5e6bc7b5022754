"""The engine as a program, and programs that talk to it."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest

from agentd.config import EngineSettings
from agentd.engine import main
from agentd.engine.providers import MissingModel
from tests.support.agent_client import agent_client, settings
from tests.support.engine import KEY, made_up_engine

HERE = Path(__file__).parent


@contextlib.asynccontextmanager
async def program(*arguments: str | Path, before: tuple[str, ...] = ()) -> AsyncIterator[asyncio.subprocess.Process]:
    """``agentd engine`` with these arguments."""
    process = await asyncio.create_subprocess_exec(
        *before,
        sys.executable,
        "-m",
        "agentd",
        "engine",
        *map(str, arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # a tracer that is killed would leave the engine running: end the whole group
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def said(process: asyncio.subprocess.Process, start: str) -> str:
    """The first line on standard error that begins so, the beginning left out."""
    assert process.stderr is not None
    lines = []
    async with asyncio.timeout(30):
        async for line in process.stderr:
            lines.append(line.decode())
            if lines[-1].startswith(start):
                return lines[-1].removeprefix(start).strip()
    raise AssertionError(f"the engine did not say {start!r} but {lines}")


@pytest.mark.e2e
async def test_an_engine_with_a_script_and_a_token_file_serves_until_sigterm(tmp_path: Path) -> None:
    script, token = tmp_path / "script.yaml", tmp_path / "token"
    script.write_text('default: {say: "Echo: {text}", audio_s: 0.1}\n')
    token.write_text("a-key-of-mine\n")
    token.chmod(0o600)
    async with program("--port", "0", "--script", script, "--token-file", token) as process:
        url = await said(process, "engine: ")
        async with agent_client(url.removesuffix("/v1/agent/converse"), "a-key-of-mine") as client:
            await client.send(settings())
            await client.send({"type": "InjectUserMessage", "content": "hi"})
            await client.until("AgentAudioDone")
            assert client.texts("assistant") == ["Echo: hi"]
            process.send_signal(signal.SIGTERM)
            assert (await client.until("Error"))["code"] == "SERVER_GOING_AWAY"
        async with asyncio.timeout(30):
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (("a key", 0o644), "chmod 600"),
        (("\n", 0o600), "is empty"),
    ],
)
def test_a_token_file_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: tuple[str, int] | None, told: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content[0])
        path.chmod(content[1])
    assert main.run(EngineSettings(), port=0, token_file=path) == main.EXIT_CONFIG
    assert told in capsys.readouterr().err


def test_a_missing_model_names_package_and_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(*_: object) -> NoReturn:
        raise MissingModel("speech recognition: moonshine-voice is not installed; pip install 'agentd[local]'")

    monkeypatch.setattr(main, "load_providers", missing)
    assert main.run(EngineSettings(), port=0) == main.EXIT_FAILED
    error = capsys.readouterr().err
    assert "moonshine-voice is not installed" in error
    assert "pip install 'agentd[local]'" in error


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main.run(EngineSettings(), port=port, script=script) == main.EXIT_FAILED
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.e2e
async def test_an_unmodified_sdk_client_holds_a_conversation_with_a_call() -> None:
    async with made_up_engine() as engine:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", str(HERE / "sdk_client.py"), engine.url, KEY, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
        assert process.returncode == 0
        lines = [json.loads(line) for line in output.splitlines()]
        kinds = [line["type"] for line in lines if line["type"] != "Warning"]  # of names that the engine has not
        assert kinds[:4] == ["models", "Welcome", "SettingsApplied", "ConversationText"]
        assert "FunctionCallRequest" in kinds
        assert all(line.get("class") != "dict" for line in lines)  # the SDK knows every message we send
        assert lines[-1] == {"type": "audio", "bytes": round((0.1 + 0.5) * 24000) * 2}


@pytest.mark.e2e
@pytest.mark.models
@pytest.mark.slow
async def test_nothing_leaves_the_machine(tmp_path: Path) -> None:
    """Traced from its first system call through a greeting, for some seconds: no packet to anywhere but loopback."""
    pytest.importorskip("moonshine_voice", reason="the local extra is not installed")
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    trace, token = tmp_path / "trace", tmp_path / "token"
    token.write_text("a-key-of-mine\n")
    token.chmod(0o600)
    strace = ("strace", "-f", "-qq", "-o", str(trace), "-e", "trace=connect,sendto,sendmsg,sendmmsg")
    async with program("--port", "0", "--token-file", token, before=strace) as process:
        url = await said(process, "engine: ws")
        async with agent_client(f"ws{url.removesuffix('/v1/agent/converse')}", "a-key-of-mine") as client:
            await client.send(settings(greeting="Nothing leaves this machine."))
            await client.until("AgentAudioDone", timeout=30)
            await client.quiet(5.0)
    lines = trace.read_text().splitlines()
    foreign = [line for line in lines if "AF_INET" in line and '"127.0.0.1"' not in line]
    assert foreign == []
