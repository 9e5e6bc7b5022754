"""What the upstream remarks: its Warnings and Errors, and whom a refusal is for, since it names nobody."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from agentd.protocol.messages import Error, Warn

ROUND_TRIP_S: Final = 2.0
_KEPT: Final = 16


@dataclass(slots=True, eq=False)
class Injected:
    """A text that was sent; ``refusal`` is what the upstream said against it."""

    sent_at: float
    refusal: str | None = None


class Remarks:
    """The remarks of one conversation.

    Attributes:
        count: Warnings and Errors so far.
        injections: texts that were sent, whose effect is awaited.
    """

    def __init__(self) -> None:
        self.count = 0
        self.injections: list[Injected] = []
        self._latest: deque[Warn | Error] = deque(maxlen=_KEPT)
        self._loop = asyncio.get_running_loop()

    def since(self, count: int) -> list[Warn | Error]:
        """The Warnings and Errors that came since there were ``count``; only the latest are kept."""
        new = self.count - count
        return list(self._latest)[-new:] if new else []

    def complained(self, message: Warn | Error) -> None:
        """One more."""
        self._latest.append(message)
        self.count += 1

    @contextmanager
    def injecting(self) -> Iterator[Injected]:
        """From the moment before a text is sent until its effect is known: a refusal that comes may be for it."""
        injected = Injected(self._loop.time())
        self.injections.append(injected)
        try:
            yield injected
        finally:
            self.injections.remove(injected)

    def refused(self, reason: str, now: float) -> None:
        """InjectionRefused names nobody: it is for the oldest of those sent within a round trip, else for the oldest."""
        waiting = [one for one in self.injections if one.refusal is None]
        recent = [one for one in waiting if now - one.sent_at <= ROUND_TRIP_S]
        if waiting:
            (recent or waiting)[0].refusal = reason or "somebody is speaking"
