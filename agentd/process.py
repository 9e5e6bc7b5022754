"""What the daemon asks of the system for its own process: descriptors enough, and no memory written to disk."""

import ctypes
import resource
from typing import Final

import structlog

_log = structlog.get_logger("agentd.process")

DESCRIPTORS: Final = 65_536
"""Open files that are enough for every limit there is."""

_PR_SET_DUMPABLE: Final = 4


def raise_descriptors() -> None:
    """Take as many file descriptors as the system grants: the soft limit of a login shell is small."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < ceiling:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))


def forbid_dumps() -> None:
    """Let no core file and no other process of this user read the memory: keys and words are in it (prctl(2)).

    Child processes that run another program begin anew, with the limit on core files alone.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        _log.warning("process_stays_readable", errno=ctypes.get_errno())
