"""The engine's end of the line to the daemon that started it; ``child`` is the other end.

The daemon writes one JSON line to the engine's standard input, ``{"key": …, "settings": {…}, "log": {…},
"allowed_endpoints": […]}``, so that the key is in no argument list and no environment. The engine writes JSON lines to a
descriptor it inherited: ``{"progress": …}``, ``{"url": …}`` once it listens, ``{"failed": …}`` when it cannot. When standard
input ends, the daemon is gone.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import orjson

from agentd.config import EngineSettings, LogSettings

PR_SET_PDEATHSIG: Final = 1


class Leash:
    """What ties the engine to its daemon.

    Attributes:
        key: what the daemon will send with every request.
        settings: the daemon's ``[engine]`` section.
        log: the daemon's ``[log]`` section.
        allowed_endpoints: the daemon's ``[security] allowed_endpoints``.
    """

    def __init__(
        self, report_fd: int, key: str, settings: EngineSettings, log: LogSettings, allowed_endpoints: tuple[str, ...]
    ) -> None:
        self._report_fd = report_fd
        self.key = key
        self.settings = settings
        self.log = log
        self.allowed_endpoints = allowed_endpoints

    @classmethod
    def take(cls, report_fd: int) -> "Leash":
        """Read what the daemon hands over, and make sure to die with it."""
        _die_with_parent()
        line = sys.stdin.buffer.readline()
        handed = orjson.loads(line)
        settings, log = EngineSettings.model_validate(handed["settings"]), LogSettings.model_validate(handed["log"])
        return cls(report_fd, handed["key"], settings, log, tuple(handed["allowed_endpoints"]))

    def on_release(self, stop: Callable[[], None]) -> None:
        """Call ``stop`` on the running loop when standard input ends."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            if not os.read(0, 4096):
                loop.remove_reader(0)
                stop()

        loop.add_reader(0, readable)

    def progress(self, line: str) -> None:
        """Tell how far the start has come; from any thread."""
        self._report({"progress": line})

    def ready(self, url: str) -> None:
        """Tell where the engine listens: the base of its WebSocket URL."""
        self._report({"url": url})

    def failed(self, message: str) -> None:
        """Tell why the engine cannot start, for a person; it will not help to try again."""
        self._report({"failed": message})

    def _report(self, entry: dict[str, str]) -> None:
        os.write(self._report_fd, orjson.dumps(entry) + b"\n")


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the daemon dies, whatever becomes of the pipes (Linux ``prctl(2)``)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
