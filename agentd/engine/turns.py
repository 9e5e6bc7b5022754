"""The turns of a conversation: one after the other, and the running one ends when the user speaks."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final

from agentd.engine.line import Hangup, Line

MAX_WAITING: Final = 16
"""Texts that may wait for the turn before them; a client that sends more does not read the answers."""


Turn = Coroutine[Any, Any, None]


class Turns:
    """Runs turns in the order they came, as tasks of the conversation.

    Args:
        line: owns the tasks.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: deque[Turn] = deque()
        self._added = asyncio.Event()
        self._running: tuple[Turn, asyncio.Task[None]] | None = None

    @property
    def busy(self) -> bool:
        """True while a turn runs or waits."""
        return self._running is not None or bool(self._waiting)

    def add(self, turn: Turn) -> None:
        """Queue a turn.

        Raises:
            Hangup: too many wait.
        """
        if len(self._waiting) >= MAX_WAITING:
            turn.close()
            raise Hangup.failed("INTERNAL_SERVER_ERROR", f"More than {MAX_WAITING} turns are waiting to be answered.")
        self._waiting.append(turn)
        self._added.set()

    def drop(self, turn: Turn) -> None:
        """Cancel or forget one turn; the others go on."""
        if turn in self._waiting:
            self._waiting.remove(turn)
            turn.close()
        elif self._running is not None and self._running[0] is turn:
            self._running[1].cancel()

    def cut(self) -> None:
        """Cancel the running turn and forget those that wait."""
        while self._waiting:
            self._waiting.popleft().close()
        if self._running is not None:
            self._running[1].cancel()

    async def run(self) -> None:
        """Take turns until cancelled."""
        try:
            while True:
                while self._waiting:
                    turn = self._waiting.popleft()
                    self._running = turn, self._line.spawn(turn, "turn")
                    await asyncio.wait((self._running[1],))
                    self._running = None
                self._added.clear()
                await self._added.wait()
        finally:
            self.cut()
