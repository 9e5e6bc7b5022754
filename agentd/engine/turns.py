"""The turns of a conversation: one after the other, and the running one ends when the user speaks."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from agentd.engine.line import Hangup, Line

MAX_WAITING: Final = 16
"""Texts that may wait for the turn before them; a client that sends more does not read the answers."""


class Turns:
    """Runs turns in the order they came, as tasks of the conversation.

    Args:
        line: owns the tasks.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """True while a turn runs or waits."""
        return self._running is not None or not self._waiting.empty()

    def add(self, turn: Coroutine[Any, Any, None]) -> None:
        """Queue a turn.

        Raises:
            Hangup: too many wait.
        """
        if self._waiting.qsize() >= MAX_WAITING:
            turn.close()
            raise Hangup.failed("INTERNAL_SERVER_ERROR", f"More than {MAX_WAITING} turns are waiting to be answered.")
        self._waiting.put_nowait(turn)

    def cut(self) -> None:
        """Cancel the running turn and forget those that wait."""
        while not self._waiting.empty():
            self._waiting.get_nowait().close()
        self.stop_running()

    def stop_running(self) -> None:
        """Cancel the running turn only."""
        if self._running is not None:
            self._running.cancel()

    async def run(self) -> None:
        """Take turns until cancelled."""
        try:
            while True:
                turn = await self._waiting.get()
                self._running = self._line.spawn(turn, "turn")
                await asyncio.wait((self._running,))
                self._running = None
        finally:
            self.cut()
