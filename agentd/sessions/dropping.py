"""Audio that did not get where it should: summed up, and told once a second at most."""

from collections import defaultdict
from typing import Any, Literal

Where = Literal["upstream", "microphone", "listener"]
"""``upstream``: it read too slowly. ``microphone``: another one was open. ``listener``: one of those who hear was too slow."""


class Dropped:
    """What was dropped in one session since it was last told."""

    def __init__(self) -> None:
        self._seconds: defaultdict[Where, float] = defaultdict(float)

    def note(self, where: Where, seconds: float) -> None:
        """``seconds`` of audio were dropped."""
        if seconds > 0:
            self._seconds[where] += seconds

    def take(self) -> list[dict[str, Any]]:
        """Data of the events that are due: ``{"where", "dropped_s"}`` each."""
        events = [{"where": where, "dropped_s": round(seconds, 3)} for where, seconds in self._seconds.items()]
        self._seconds.clear()
        return events
