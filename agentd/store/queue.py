"""What waits to be written: rows and work in the order in which they came, bounded; for the loop and the writer's thread."""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Statement = Callable[[sqlite3.Connection], None]


@dataclass(slots=True)
class Row:
    """One thing to write.

    Attributes:
        droppable: may be given up when the queue is full.
        ticket: its place among everything that was ever put.
    """

    write: Statement
    droppable: bool = True
    ticket: int = 0


@dataclass(slots=True)
class Task:
    """Work on the writer's connection that somebody waits for; refused, not repeated, when the disk fails.

    Attributes:
        durable: on the disk itself before it is answered (``synchronous = FULL``), not only with the operating system.
        transaction: False for what SQLite does outside of one (checkpoints, VACUUM).
        ticket: its place among everything that was ever put.
    """

    work: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any]"
    durable: bool = False
    transaction: bool = True
    ticket: int = 0


class Waiting:
    """The queue.

    Args:
        most: items that wait at most.

    Attributes:
        last: the ticket of the newest item.
        emptied: the newest ticket when the queue was last found empty.
        dropped: rows that were given up.
    """

    def __init__(self, most: int) -> None:
        self.last = 0
        self.emptied = 0
        self.dropped = 0
        self._most = most
        self._items: deque[Row | Task] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Row | Task) -> None:
        """Add one; beyond the bound the oldest row that may be lost gives way."""
        with self._lock:
            self.last += 1
            item.ticket = self.last
            self._items.append(item)
            self._trim()

    def take(self, most: int) -> list[Row] | Task | None:
        """What comes next: rows up to the next task, at most ``most``, or that task; None when nothing waits."""
        with self._lock:
            if not self._items:
                self.emptied = self.last
                return None
            first = self._items.popleft()
            if isinstance(first, Task):
                return first
            rows = [first]
            while self._items and len(rows) < most and isinstance(row := self._items[0], Row):
                rows.append(row)
                self._items.popleft()
            return rows

    def give_back(self, rows: list[Row]) -> None:
        """Put rows that were taken in front again."""
        with self._lock:
            self._items.extendleft(reversed(rows))
            self._trim()

    def tasks(self) -> list[Task]:
        """Take every task out."""
        with self._lock:
            tasks = [item for item in self._items if isinstance(item, Task)]
            self._items = deque(item for item in self._items if isinstance(item, Row))
        return tasks

    def _trim(self) -> None:
        """Give up the oldest rows that may be lost, without those the oldest rows; tasks stay, somebody waits for them."""
        while len(self._items) > self._most and (self._drop(droppable=True) or self._drop(droppable=False)):
            self.dropped += 1

    def _drop(self, *, droppable: bool) -> bool:
        for i, item in enumerate(self._items):
            if isinstance(item, Row) and item.droppable is droppable:
                del self._items[i]
                return True
        return False
