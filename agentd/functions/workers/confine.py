"""The limits a worker process puts on itself before it runs a line of a handler.

They keep an accident inside the worker: memory, processor time, descriptors, a daemon that is gone. They are no
defence against a handler that means harm, which runs with the daemon's rights (docs/architecture.md). Processes that it
starts are counted by the daemon (``headcount``).
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Final

OPEN_FILES: Final = 64
OOM_SCORE: Final = 500
"""Of -1000 to 1000: when memory runs out, the kernel ends a worker before the daemon."""

_PR_SET_PDEATHSIG: Final = 1


def confine(*, parent: int, memory_bytes: int) -> None:
    """Limit this process for good.

    Args:
        parent: process id of the daemon; if it is gone already, this process ends.
        memory_bytes: of address space; 0 for no limit.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the daemon is gone")
    # Containers may forbid it; then the worker is as likely to be ended as the daemon.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    if memory_bytes:
        _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)


class CpuLimit:
    """The processor time of this process; beyond it, the kernel ends it (SIGXCPU)."""

    def __init__(self) -> None:
        self._soft = -1

    def allow(self, seconds: float) -> None:
        """Let it use ``seconds`` from now on.

        The limit counts from the start of the process, so it is renewed before each call.
        """
        soft = int(time.process_time() + seconds) + 1
        if soft != self._soft:  # the kernel counts in whole seconds
            _, hard = resource.getrlimit(resource.RLIMIT_CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
            self._soft = soft


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (bound, bound))
