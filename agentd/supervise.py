"""The one place that creates tasks.

Every task has a name and an owner. Inside one session a ``TaskGroup`` owns them and one failure ends the
session; between sessions a ``Nursery`` holds guarded tasks that log their failure and harm nobody else.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

_T = TypeVar("_T")
_log = structlog.get_logger("agentd.supervise")


def spawn(group: asyncio.TaskGroup, coroutine: Coroutine[Any, Any, _T], *, name: str) -> asyncio.Task[_T]:
    """Start a child of ``group``; ``name`` reads like ``session:<id>:audio_in``."""
    return group.create_task(coroutine, name=name)


class Nursery:
    """Owns independent tasks: one that fails is logged and leaves the others alone.

    ``close`` cancels what is left and returns when all are gone or the bound has passed.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, _T], *, name: str) -> "asyncio.Task[_T | None]":
        """Run ``coroutine`` guarded: an exception is logged as ``task_failed`` and the task returns None."""
        task = asyncio.get_running_loop().create_task(_guard(coroutine, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: coroutine.close())  # a task cancelled before its first step never awaits it
        return task

    async def close(self, *, bound_s: float = 5.0) -> None:
        """Cancel every task and wait for them, at most ``bound_s`` seconds."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=bound_s)
        for task in left:
            _log.error("task_does_not_stop", task=task.get_name(), bound_s=bound_s)


async def _guard(coroutine: Coroutine[Any, Any, _T], name: str) -> _T | None:
    try:
        return await coroutine
    except Exception:  # noqa: BLE001 - the guard: a failed task must not take its neighbours down
        _log.exception("task_failed", task=name)
        return None


async def unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None], *, name: str) -> bool:
    """Run ``work`` to its end, or cancel it once ``stopped`` is set.

    Returns:
        True when ``work`` came to its end and nobody asked to stop; its exception is raised here.
    """
    loop = asyncio.get_running_loop()
    task, stop = loop.create_task(work, name=name), loop.create_task(stopped.wait(), name=f"{name}:stop")
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        if not task.done():
            task.cancel()
        await asyncio.wait({task, stop})
    if not task.cancelled():
        task.result()
    return not stopped.is_set()
