"""How often a function is called, and how often an agent does something of tier high."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from agentd.functions.call import CallRequest, Rejected
from agentd.functions.registry import FunctionSpec

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0

SWEEP_AT: Final = 1024
"""Windows kept before those are dropped in which nothing has happened of late."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in a window; ``Rates.give_back`` returns it."""

    key: Hashable
    at: float


class Rates:
    """Sliding windows over the calls of functions in sessions, and of agents.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minutes: dict[Hashable, deque[float]] = {}
        self._hours: dict[Hashable, deque[float]] = {}

    def call(self, request: CallRequest, spec: FunctionSpec, per_minute: int) -> None:
        """Count a call in its run; outside a session nothing is counted.

        Args:
            per_minute: where the function declares none of its own.

        Raises:
            Rejected: too many within a minute.
        """
        if request.run_id is None:
            return
        most = per_minute if spec.options.per_minute is None else spec.options.per_minute
        now, key = self._clock(), (request.run_id, spec.name)
        window = _recent(self._minutes, key, now - MINUTE_S)
        if len(window) >= most:
            wait = int(window[0] + MINUTE_S - now) + 1
            raise Rejected(
                "denied",
                f"The function {spec.name} was called {len(window)} times within a minute, which is the limit. "
                f"Do not call it again in the next {wait} seconds; tell the user so.",
                "rate",
            )
        window.append(now)

    def high(self, agent: str | None, per_hour: int) -> Ticket:
        """Count a call of tier high.

        Raises:
            Rejected: too many within an hour.
        """
        now = self._clock()
        window = _recent(self._hours, agent, now - HOUR_S)
        if len(window) >= per_hour:
            minutes = int((window[0] + HOUR_S - now) / 60) + 1
            raise Rejected(
                "denied",
                f"Actions of this kind were asked for {len(window)} times within an hour, which is the limit. "
                f"The next may be asked for in {minutes} minutes; tell the user so.",
                "rate",
            )
        window.append(now)
        return Ticket(agent, now)

    def give_back(self, ticket: Ticket) -> None:
        """A call of tier high came to nothing, and nobody was troubled by it."""
        window = self._hours.get(ticket.key)
        if window is not None and ticket.at in window:
            window.remove(ticket.at)


def _recent(windows: dict[Hashable, deque[float]], key: Hashable, since: float) -> deque[float]:
    """The window of that key without what is too old."""
    window = windows.get(key)
    if window is None:
        if len(windows) >= SWEEP_AT:
            for stale in [name for name, times in windows.items() if not times or times[-1] <= since]:
                del windows[stale]
        window = windows[key] = deque()
    while window and window[0] <= since:
        window.popleft()
    return window
