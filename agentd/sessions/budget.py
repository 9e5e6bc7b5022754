"""How much of the paid upstream a day may cost: minutes of connection, which is what it bills."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from agentd.errors import BudgetExhausted

WARN_AT: Final = 0.9
"""The part of the day's minutes at which the live sessions are told."""

LOOK_S: Final = 1.0
"""How often the live sessions are counted; the limit is overrun by no more than that."""


class Budget:
    """Connection time of the UTC day. The embedded engine costs nothing and is not counted.

    Args:
        minutes: of a day, over all sessions; 0 is no limit.
        wall: seconds since the epoch.
    """

    def __init__(self, minutes: float, *, wall: Callable[[], float] = time.time) -> None:
        self._limit_s = minutes * 60
        self._wall = wall
        self._day = self.day
        self._spent_s = 0.0
        self._counted: dict[str, float] = {}
        self._told = False

    def adopt(self, minutes: float) -> None:
        """Another limit for the day, today included."""
        self._limit_s, self._told = minutes * 60, False

    @property
    def day(self) -> str:
        """The day it is, as the store writes it."""
        return datetime.fromtimestamp(self._wall(), UTC).date().isoformat()

    @property
    def left_s(self) -> float | None:
        """Seconds that are left today; None without a limit."""
        self._turn_the_page()
        return max(0.0, self._limit_s - self._spent_s) if self._limit_s else None

    def begin(self, spent_s: float) -> None:
        """What an earlier daemon spent today."""
        self._spent_s += spent_s

    def count(self, run_id: str, connection_s: float) -> None:
        """A session has been connected for so long by now, over all its connections."""
        self._turn_the_page()
        self._spent_s += max(0.0, connection_s - self._counted.get(run_id, 0.0))
        self._counted[run_id] = connection_s

    def close(self, run_id: str, connection_s: float) -> None:
        """The session has ended."""
        self.count(run_id, connection_s)
        del self._counted[run_id]

    def check(self) -> None:
        """Raise ``BudgetExhausted`` when today's minutes are used up; it says when the next ones begin."""
        if self.left_s == 0.0:
            raise BudgetExhausted(
                f"The {self._limit_s / 60:g} minutes of today are used up (limits.minutes_per_day); the day begins at 00:00 UTC.",
                retry_after_s=self._until_tomorrow_s(),
                extra={"limit": "minutes_per_day"},
            )

    def is_low(self) -> bool:
        """True once a day: when most of it is spent."""
        left_s = self.left_s
        low = left_s is not None and left_s <= self._limit_s * (1 - WARN_AT) and not self._told
        self._told = self._told or low
        return low

    def _turn_the_page(self) -> None:
        if (day := self.day) != self._day:
            self._day, self._spent_s, self._told = day, 0.0, False

    def _until_tomorrow_s(self) -> float:
        now = datetime.fromtimestamp(self._wall(), UTC)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (tomorrow - now).total_seconds()
