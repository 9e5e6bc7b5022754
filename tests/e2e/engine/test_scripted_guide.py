"""docs/scripted.md does what it says: its blocks are run as they stand, but for the port."""

import asyncio
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from agentd.engine.scripted.loading import parse_script
from tests.support.agent_client import agent_client, settings
from tests.support.daemon import ROOT
from tests.support.programs import run
from tests.support.scripted import KEY, scripted_engine
from tests.support.sessions import world

GUIDE = (ROOT / "docs/scripted.md").read_text(encoding="utf-8")
FILES = {
    block.splitlines()[0].removeprefix("# "): block
    for language in ("python", "yaml")
    for block in (part.split("```", 1)[0] for part in GUIDE.split(f"```{language}\n")[1:])
}
COMMANDS = GUIDE.split("```sh\n", 1)[1].split("```", 1)[0]
SCRIPTS = [name for name in FILES if name.endswith(".yaml")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The guide's files."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def shell(commands: str, folder: Path) -> tuple[int, str]:
    """Run what the guide says to type, with a port of its own; exit status and everything printed."""
    port = free_port()
    commands = commands.replace("8691", str(port)).replace("--token-file key", f"--token-file key --port {port}")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AGENT_URL": f"ws://127.0.0.1:{port}",
        "HOME": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", commands, cwd=folder, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(45):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_of_the_guide_can_be_used(name: str) -> None:
    assert parse_script(FILES[name], name=name).scenarios


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (apt-get install curl)")
async def test_the_first_test_of_the_guide_passes(folder: Path) -> None:
    status, out = await shell(COMMANDS, folder)
    assert status == 0, out
    assert "lamp: 0 rules, 6 steps of conversation, 4 of them expectations" in out
    assert "user: Turn on the lamp.\nassistant: The lamp is on.\n" in out
    assert "lamp: passed, 4 of 4 expectations met" in out
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [one["line"] for one in report["scenarios"][0]["played"][0]["expectations"]] == [4, 7, 11, 15]


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (apt-get install curl)")
async def test_a_client_that_does_otherwise_fails_the_run(folder: Path) -> None:
    client = folder / "client.py"
    client.write_text(FILES["client.py"].replace('["on"]})', '["on"] and False})'), encoding="utf-8")
    status, out = await shell(COMMANDS.replace("report.json", "report.xml"), folder)
    assert status == 3, out
    assert "step 4 (line 11): expected FunctionCallResponse" in out
    assert "/content/on is false, expected true" in out
    assert 'failures="2"' in (folder / "report.xml").read_text(encoding="utf-8")


@pytest.mark.e2e
async def test_the_python_test_of_the_guide_passes(folder: Path) -> None:
    ended = await run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_lamp.py", folder=folder, environment={"PYTHONPATH": str(ROOT)}
    )
    assert "1 passed" in ended.out


async def test_a_session_lives_through_the_renewal_of_the_guide(tmp_path: Path) -> None:
    async with world(tmp_path, FILES["renewal.yaml"]) as here:
        session = await here.session()
        turn = await session.inject_user("Which lamp is on?", wait="reply")
        assert turn.said_text is not None
        assert turn.said_text.endswith("The kitchen lamp is on.")
        assert session.lifeline.renewals == 1
    assert not here.peer.report.failed, here.peer.report.lines()


async def test_the_rules_of_the_guide_answer() -> None:
    async with scripted_engine(FILES["rules.yaml"]) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send({"type": "InjectAgentMessage", "message": "Hello"})
        assert (await client.until("InjectionRefused"))["message"] == "The user is speaking."
        await client.send({"type": "InjectUserMessage", "content": "The lamp, please"})
        call = (await client.until("FunctionCallRequest"))["functions"][0]
        await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": "on"})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Done: on"]
