"""How often each function was called, with what outcome, and what went wrong last; each settled call is a line in the log."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import structlog

from agentd.clock import rfc3339
from agentd.functions.call import OUTCOMES, CallOutcome, CallRequest

OTHER: Final = "other"
"""Counts calls to names that are not registered: a model's inventions must not grow a table."""

_log = structlog.get_logger("agentd.functions")


class Tallies:
    """Counts since the daemon's start."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._last_errors: dict[str, dict[str, Any]] = {}

    def settled(self, request: CallRequest, outcome: CallOutcome, kind: str, *, known: bool) -> None:
        """A call was settled.

        Args:
            kind: in a word, what kind of trouble it was; empty for none.
            known: whether there is such a function.
        """
        name = request.name if known else OTHER
        self._counts.setdefault(name, Counter())[outcome.outcome] += 1
        if outcome.outcome not in {"ok", "cancelled"}:
            self._failed(name, outcome, kind)
        _write(request, outcome)

    def background(self, request: CallRequest, outcome: CallOutcome, kind: str) -> None:
        """A call that was answered at once has now come to its end."""
        if kind:
            self._failed(request.name, outcome, kind)
        _write(request, outcome, background=True)

    def view(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """By name: ``calls``, one count per outcome, and ``last_error`` (time, outcome, kind) or None."""
        return {
            name: {
                "calls": sum(counts.values()),
                **{outcome: counts[outcome] for outcome in OUTCOMES},
                "last_error": self._last_errors.get(name),
            }
            for name in (*names, OTHER)
            for counts in (self._counts.get(name, Counter()),)
        }

    def _failed(self, name: str, outcome: CallOutcome, kind: str) -> None:
        self._last_errors[name] = {"time": rfc3339(time.time()), "outcome": outcome.outcome, "kind": kind}


def _write(request: CallRequest, outcome: CallOutcome, **more: bool) -> None:
    # The answer goes out first: a line of the log takes as long as half of a trivial call.
    asyncio.get_running_loop().call_soon(partial(_write_now, request, outcome, **more))


def _write_now(request: CallRequest, outcome: CallOutcome, **more: bool) -> None:
    _log.info(
        "function_call_settled",
        function=request.name,
        call_id=request.call_id,
        session_id=request.session_id,
        outcome=outcome.outcome,
        duration_s=round(outcome.duration_s, 4),
        **more,
    )
