"""Wrong tokens by peer: a few are answered as such, more are told to wait. A valid token is never asked."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from agentd.door.peers import household
from agentd.errors import TooManyRequests

_WINDOW_S: Final = 60.0
_PEERS: Final = 4096
"""Peers whose failures are remembered; the one not seen for longest is forgotten."""


class Failures:
    """Wrong tokens within the last minute. Nobody is banned, loopback is not exempt, and memory is bounded.

    Args:
        per_minute: wrong tokens a peer may send.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, peer: str) -> None:
        """Count one.

        Raises:
            TooManyRequests: the peer has had its share; says when it may be wrong again.
        """
        now, key = self._clock(), household(peer)
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while len(self._times) > _PEERS:
            self._times.popitem(last=False)
        while times and now - times[0] >= _WINDOW_S:
            times.popleft()
        if len(times) >= self._per_minute:
            raise TooManyRequests(
                "Too many wrong tokens from this address (limits.auth_failures_per_minute).",
                retry_after_s=_WINDOW_S - (now - times[0]),
                extra={"limit": "auth_failures_per_minute"},
            )
        times.append(now)
