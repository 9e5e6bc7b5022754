"""``agentd`` with clocks in the way of a function call; what they read is written as JSON to the file that is named first.

python -m bench.functions.timed FILE serve --config ...
"""

import atexit
import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentd.cli.program import main as agentd
from agentd.functions.audit.trail import Audit
from agentd.functions.gate.gate import Gate
from agentd.functions.service import Functions
from agentd.functions.workers.generation import Generation
from agentd.sessions.calls import Calls
from agentd.sessions.dispatch import Dispatch
from agentd.store import Store

READ: dict[str, list[float]] = defaultdict(list)
"""Seconds by name."""
_MARKS: dict[str, float] = {}


def awaited(name: str, owner: type[Any], method: str) -> None:
    """Time an ``async def``, waits included."""
    original: Callable[..., Any] = getattr(owner, method)

    @functools.wraps(original)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return await original(*args, **kwargs)
        finally:
            READ[name].append(time.perf_counter() - began)

    setattr(owner, method, timed)


def called(name: str, owner: type[Any], method: str) -> None:
    """Time a plain ``def``."""
    original: Callable[..., Any] = getattr(owner, method)

    @functools.wraps(original)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            READ[name].append(time.perf_counter() - began)

    setattr(owner, method, timed)


def between(name: str, start: tuple[type[Any], str], end: tuple[type[Any], str]) -> None:
    """Time from the start of one method to the start of another; calls must not overlap."""
    (first, begin), (second, finish) = start, end
    begins, finishes = getattr(first, begin), getattr(second, finish)

    @functools.wraps(begins)
    def started(*args: Any, **kwargs: Any) -> Any:
        _MARKS[name] = time.perf_counter()
        return begins(*args, **kwargs)

    @functools.wraps(finishes)
    def ended(*args: Any, **kwargs: Any) -> Any:
        READ[name].append(time.perf_counter() - _MARKS[name])
        return finishes(*args, **kwargs)

    setattr(first, begin, started)
    setattr(second, finish, ended)


def main() -> None:
    """Put the clocks in, then be ``agentd``."""
    into = Path(sys.argv.pop(1))
    called("dispatch", Dispatch, "requested")
    awaited("gate", Gate, "admit")
    awaited("flush", Store, "flushed")
    called("audit_intent", Audit, "intent")
    called("audit_result", Audit, "result")
    awaited("worker", Generation, "run")
    awaited("call", Functions, "call")
    between("request_to_task", (Dispatch, "requested"), (Functions, "call"))
    called("settle_and_answer", Calls, "_settle")
    between("request_to_settling", (Dispatch, "requested"), (Calls, "_settle"))
    atexit.register(lambda: into.write_text(json.dumps(READ), encoding="utf-8"))
    agentd()


if __name__ == "__main__":
    main()
