"""A person's shell beside a running daemon: ``$A``, ``$S``, a home of its own, and the programs that pages mention."""

import asyncio
import os
import shutil
from pathlib import Path

from tests.support.daemon import ROOT, DaemonProcess

CURL = """#!/bin/bash
# A person's curl, but for what a test needs: faults are failures, and what would go on for ever ends.
case " $* " in *" -N "*|*" --no-buffer "*) bound="--max-time 3" ;; esac
"$REAL_CURL" -sS --fail-with-body ${bound:-} "$@"; status=$?
[ "$status" = 28 ] && [ -n "${bound:-}" ] && exit 0
exit "$status"
"""

SOUND = {"arecord": "#!/bin/sh\nexec cat question.wav\n", "aplay": "#!/bin/sh\nexec cat > played\n"}
"""This machine may have neither microphone nor speaker."""


class Shell:
    """Runs commands as a person types them.

    Args:
        daemon: whose address and state they are given.
        folder: where it may write.
    """

    def __init__(self, daemon: DaemonProcess, folder: Path) -> None:
        tools, self.home = folder / "tools", folder / "home"
        tools.mkdir()
        (self.home / ".local/state").mkdir(parents=True)
        (self.home / ".local/state/agentd").symlink_to(daemon.state_dir)
        for name, text in (SOUND | {"curl": CURL}).items():
            (tools / name).write_text(text, encoding="utf-8")
            (tools / name).chmod(0o755)
        shutil.copy(ROOT / "agentd/demo/question.wav", self.home / "question.wav")
        self._environment = {
            "PATH": f"{tools}:{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "A": daemon.url,
            "S": str(daemon.state_dir),
            "REAL_CURL": str(shutil.which("curl")),
        }

    async def run(self, code: str, *, within_s: float = 60.0) -> str:
        """What the commands print. A command that fails is an AssertionError with it."""
        process = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", code,
            cwd=self.home, env=self._environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(within_s):
            out, _ = await process.communicate()
        text = out.decode(errors="replace")
        assert process.returncode == 0, f"{code}\n{text}"
        return text
