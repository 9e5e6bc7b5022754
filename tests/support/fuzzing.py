"""Schemathesis over the daemon's own OpenAPI document, as a process of its own.

A scripted peer is the upstream, so that what gets through to a conversation costs nothing.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.scripted import scripted_engine

FILES = Path(__file__).parent / "fuzz"

CONFIG = """
[deepgram]
api_key = "{key}"
agent_url = "{ws}"
rest_url = "{http}"

[agents.default]
upstream = "deepgram"

[engine]
mode = "never"

[limits]
connections_per_token = 200
starts_per_minute = 100000
auth_failures_per_minute = 100000
"""

HEADERS = 'headers = { Authorization = "Bearer ${AGENTD_FUZZ_TOKEN}" }\n'
"""The token is in the environment, never in argv."""
SCRIPT = {"greeting_audio_s": 0.0, "default": {"say": "I heard: {text}", "audio_s": 0.1}}


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a run.

    Attributes:
        status: of the process; 0: nothing was found.
        report: what it printed.
    """

    status: int
    report: str


@asynccontextmanager
async def fuzzed_daemon(folder: Path) -> AsyncIterator[DaemonProcess]:
    """A daemon to be asked anything."""
    async with scripted_engine(SCRIPT) as peer:
        config = CONFIG.format(key=peer.key, ws=peer.url, http=peer.http_url)
        async with daemon_process(folder, config) as daemon:
            yield daemon


async def fuzz(daemon: DaemonProcess, *, examples: int, phases: str, seed: int = 1, with_token: bool = True) -> Run:
    """Ask the daemon everything its document allows, and much that it does not.

    Args:
        daemon: a running one.
        examples: requests per operation and phase, at most.
        phases: of schemathesis, divided by commas.
        seed: the same seed asks the same.
        with_token: send the daemon's first token with every request.
    """
    document = daemon.state_dir / "openapi.json"
    answer = await daemon.call("GET", "/openapi.json")
    document.write_bytes(answer.body)
    config = daemon.state_dir / "schemathesis.toml"
    config.write_text((HEADERS if with_token else "") + (FILES / "schemathesis.toml").read_text(encoding="utf-8"))
    await daemon.call("PUT", "/v1/sessions/kitchen")
    environment = os.environ | {
        "AGENTD_FUZZ_TOKEN": daemon.token,
        "SCHEMATHESIS_HOOKS": "fuzz_hooks",
        "PYTHONPATH": str(FILES),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config),
        "run", str(document), "--url", daemon.url, "--phases", phases, "--max-examples", str(examples), "--seed", str(seed),
        "--request-timeout", "10", "--continue-on-failure", "--warnings", "off", "--no-color",
        "--suppress-health-check", "filter_too_much",  # few random bytes pass its own check of an audio body
        *([] if with_token else ["--exclude-checks", "unsupported_method"]),  # which paths there are is told to holders of tokens
        "--exclude-operation-id=post_admin_drain",  # nothing could be started from then on
        *(f"--exclude-operation-id={name}" for name in _endless(answer.json)),
        cwd=daemon.state_dir, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Run(process.returncode or 0, out.decode(errors="replace"))


def _endless(document: dict[str, Any]) -> list[str]:
    """The operations whose answer never ends; events can be polled."""
    return [
        operation["operationId"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if operation.get("x-stream") and not path.endswith("/events")
    ]
