"""The few words daemon and worker share. Small, so that a worker starts fast."""

from dataclasses import dataclass
from typing import Any, Final, Literal

LINE_BYTES: Final = 2_097_152
"""Longest line in either direction: a handler file's source fits."""

OPEN_REQUESTS: Final = 8
"""Requests of one call that may be under way at once; more wait in the handler."""

ReplyOutcome = Literal["result", "error", "ask", "invalid", "failed", "cancelled"]

WorkerEnd = Literal[
    "timeout", "cancelled", "memory", "processes", "cpu", "output", "signal", "exit", "protocol", "renewed", "unused", "other"
]
"""Why a worker process ended, as it is counted: a call past its time, or cancelled, that would not stop; memory,
processes, processor time; a signal; by itself; nonsense on the socket; ``renewed`` and ``unused`` are housekeeping."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended in its worker.

    Attributes:
        outcome: ``error`` carries words for the model, ``failed`` words for the log alone.
        value: the result as JSON value; the text; or question and argument.
    """

    outcome: ReplyOutcome
    value: Any
