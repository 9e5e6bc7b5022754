"""Notices a peer that went away without a word: a pulled cable, a stopped process, a lost NAT entry."""

import asyncio
from collections.abc import Callable
from typing import Final

LATE_S: Final = 0.5
"""A check that comes later than this says that our own loop was busy: frames may wait unread, so it asks again."""


class Watchdog:
    """Pings, and reports a peer from which nothing at all came within ``pong_s`` of a ping.

    Any frame counts as life, not only the pong: the pong of a peer that is sending may stand in its queue. A dead peer
    is noticed at most ``ping_s + pong_s`` after its last frame. Timers of the loop, no task.

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
        self._due = 0.0

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
        self._due = self._loop.time() + self._pong_s
        self._timer = self._loop.call_at(self._due, self._check)
        self._ping()

    def _check(self) -> None:
        if self._signs() != self._seen:
            self._timer = self._loop.call_later(self._rest_s, self._ask)
        elif self._loop.time() - self._due > LATE_S:
            self._ask()
        else:
            self._timer = None
            self._dead()
