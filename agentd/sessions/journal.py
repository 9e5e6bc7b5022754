"""The events of one run: numbered as they happen, kept in a bounded ring, handed to the hub."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from agentd.clock import rfc3339
from agentd.hub import Envelope, Hub


class Journal:
    """Gives ``seq`` without gaps and publishes; never waits.

    Args:
        max_events, max_bytes: what the ring keeps of the past.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        session_id: str,
        run_id: str,
        max_events: int,
        max_bytes: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.seq = 0
        self._hub = hub
        self._session_id = session_id
        self._run_id = run_id
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._wall = wall
        self._ring: deque[tuple[Envelope, int]] = deque()
        self._bytes = 0

    def append(self, type_: str, data: dict[str, Any]) -> Envelope:
        """Number, keep and publish one event."""
        self.seq += 1
        envelope = self._envelope(self.seq, self._hub.next_g(), type_, data)
        size = len(envelope.json())
        self._ring.append((envelope, size))
        self._bytes += size
        while len(self._ring) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= self._ring.popleft()[1]
        self._hub.publish(envelope)
        return envelope

    def show(self, type_: str, data: dict[str, Any]) -> None:
        """Show an original, which is neither numbered nor kept, to readers who want to see such."""
        self._hub.show(self._envelope(0, 0, type_, data))

    def _envelope(self, seq: int, g: int, type_: str, data: dict[str, Any]) -> Envelope:
        return Envelope(
            seq=seq,
            g=g,
            session_id=self._session_id,
            run_id=self._run_id,
            time=rfc3339(self._wall()),
            type=type_,
            data=data,
        )

    def since(self, seq: int | None) -> tuple[list[Envelope], int]:
        """What happened after ``seq`` (None: nothing of the past) and how many events of that are no longer kept."""
        if seq is None:
            return [], 0
        events = [envelope for envelope, _ in self._ring if envelope.seq > seq]
        first = events[0].seq if events else self.seq + 1
        return events, max(0, first - 1 - seq)

    def erase(self) -> None:
        """Forget the ring (purge)."""
        self._ring.clear()
        self._bytes = 0
