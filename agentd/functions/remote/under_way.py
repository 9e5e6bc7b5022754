"""Calls of a provider that run in their callers' tasks: how many there are, and stopping them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class UnderWay:
    """The tasks that are within a call; true while there are any."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    @contextmanager
    def one(self) -> Iterator[None]:
        """The block is a call, in the task that runs it."""
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a call runs in a task")
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def cancel(self) -> None:
        """Stop all of them."""
        for task in tuple(self._tasks):
            task.cancel()
