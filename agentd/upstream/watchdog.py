"""Notices a peer that went away without a word: a pulled cable, a stopped process, a lost NAT entry."""

import asyncio
from collections.abc import Callable
from typing import Final

LAST_LOOK_S: Final = 0.1
"""When our own loop was busy, the pong may lie unread in the socket while the timer already fires: so the loop gets to read
once more before the verdict."""


class Watchdog:
    """Pings, and reports a peer from which nothing at all came within ``pong_s`` of a ping.

    Any frame counts as life, not only the pong: the pong of a peer that is sending may stand in its queue. A dead peer
    is noticed ``LAST_LOOK_S`` after ``ping_s + pong_s`` at the latest. Timers of the loop, no task.

    Args:
        signs: grows with everything that comes; only compared.
        dead: called once, then nothing more.
    """

    def __init__(
        self,
        *,
        ping_s: float,
        pong_s: float,
        ping: Callable[[], None],
        signs: Callable[[], int],
        dead: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._pong_s = pong_s
        self._rest_s = max(ping_s - pong_s, 0.0)
        self._ping = ping
        self._signs = signs
        self._dead = dead
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0

    def start(self) -> None:
        """Begin: the first ping goes out after the interval."""
        self._timer = self._loop.call_later(self._rest_s + self._pong_s, self._ask)

    def stop(self) -> None:
        """Ping no more. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self) -> None:
        self._seen = self._signs()
        self._timer = self._loop.call_later(self._pong_s, self._check)
        self._ping()

    def _check(self) -> None:
        if not self._answered():
            self._timer = self._loop.call_later(LAST_LOOK_S, self._judge)

    def _judge(self) -> None:
        if not self._answered():
            self._timer = None
            self._dead()

    def _answered(self) -> bool:
        if self._signs() == self._seen:
            return False
        self._timer = self._loop.call_later(self._rest_s, self._ask)
        return True
