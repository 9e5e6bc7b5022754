"""Calls that were answered at once and go on: each belongs to a run, and ends with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from agentd.supervise import Nursery


class Background:
    """What goes on behind conversations.

    Args:
        nursery: owns the tasks.
    """

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._runs: dict[str | None, set[asyncio.Task[None]]] = {}

    def start(self, run_id: str | None, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Let ``work`` go on for the function ``name``."""
        task = self._nursery.start(work, name=f"functions:{name}:background")
        mine = self._runs.setdefault(run_id, set())
        mine.add(task)

        def over(_: asyncio.Task[None]) -> None:
            mine.discard(task)
            if not mine and self._runs.get(run_id) is mine:
                del self._runs[run_id]

        task.add_done_callback(over)

    def end(self, run_id: str | None) -> None:
        """The run is over: what goes on for it stops."""
        for task in tuple(self._runs.get(run_id, ())):
            task.cancel()
