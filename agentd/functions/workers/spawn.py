"""Starts worker processes, and says how one ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from agentd.functions.workers.wire import WorkerEnd

NICE: Final = 5
"""A process that starts, and a handler that computes, leave the processor to the daemon when it has audio to deliver."""

_PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The only variables of the daemon that a handler sees: none of them holds a secret."""


def spawn(directory: Path, *, channel: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start a worker in ``directory`` with ``channel`` as its socket.

    Call it from the loop's own thread: the kernel's "parent is gone" signal belongs to the thread that forked.

    Returns:
        The process, leader of a group of its own, and the readable end of its output.
    """
    readable, writable = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-u", "-m", "agentd.functions.workers.worker", str(channel), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=writable,
            stderr=writable,
            pass_fds=(channel,),
            start_new_session=True,
            cwd=directory,
            env=_environment(),
        )
    except OSError:
        os.close(readable)
        raise
    finally:
        os.close(writable)
    os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICE)  # the kernel stops at 19
    return process, readable


def how_it_ended(returncode: int) -> str:
    """``subprocess``'s return code in words."""
    if returncode >= 0:
        return f"the process ended with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = str(-returncode)
    return f"the process was ended by {name}"


def why_it_ended(returncode: int) -> WorkerEnd:
    """The reason to count for a process that nobody here ended."""
    if returncode >= 0:
        return "exit"
    # Nobody but the kernel, when memory runs out, sends it unasked.
    return "cpu" if returncode == -signal.SIGXCPU else "memory" if returncode == -signal.SIGKILL else "signal"


def passed_on() -> dict[str, str]:
    """What programs that the daemon starts see of its environment."""
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}


def _environment() -> dict[str, str]:
    """What a handler sees of the daemon's environment, and three settings that keep a worker small."""
    # Each thread's malloc arena takes 64 MiB of address space, which would use up the worker's limit.
    return passed_on() | {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
