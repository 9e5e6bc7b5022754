"""Client programs of ``tests/clients``, each in a process of its own: the SDK changes things process-wide."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests/clients"
SDK4 = ROOT / ".venv-sdk4/bin/python"

NODE = Path(shutil.which("node") or "/nonexistent/node")
NODE_CLIENTS = CLIENTS / "node"
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")

NODE_IS_READY = NODE.exists() and (NODE_CLIENTS / "node_modules/.done").exists()

needs_node = pytest.mark.skipif(
    not NODE_IS_READY,
    reason="no Deepgram clients for Node.js here (make test sets them up)",
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium-headless-shell)")
needs_sdk4 = pytest.mark.skipif(not SDK4.exists(), reason="no .venv-sdk4 with deepgram-sdk 4.8.1 here (make test sets it up)")


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended by itself.

    Attributes:
        out: what it printed.
        err: its standard error.
    """

    out: str
    err: str

    @property
    def notes(self) -> list[dict[str, Any]]:
        """What ``plan.Notes`` printed, in order."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of_type(self, name: str) -> list[dict[str, Any]]:
        """The notes of one type."""
        return [note for note in self.notes if note["type"] == name]

    def texts(self, role: str) -> list[str]:
        """What one side said."""
        return [note["content"] for note in self.of_type("ConversationText") if note["role"] == role]


async def run(
    *command: str,
    folder: Path,
    interpreter: Path = Path(sys.executable),
    environment: Mapping[str, str] | None = None,
    within_s: float = 90,
) -> Ended:
    """Run a program in ``folder`` to its end, which must be a good one.

    Args:
        command: what stands behind the interpreter.
        interpreter: Python's or Node's.
        environment: more of it; proxies and keys of the machine are left out.
    """
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        str(interpreter), *command,
        cwd=folder, env=clean | dict(environment or {}), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within_s):
            out, err = (part.decode() for part in await process.communicate())
    except TimeoutError:
        raise AssertionError(f"{command} did not end within {within_s} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{command} ended with {process.returncode}\n{out}\n{err}"
    return Ended(out, err)
