"""When a lost connection is worth another try, and how long to wait before it."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Final

from agentd.errors import AgentdError
from agentd.upstream.connection import Closed

FIRST_S: Final = 0.2
LONGEST_S: Final = 2.0
"""Longer than the embedded engine's cold start (1.2 to 1.8 s), so that a restarted engine is met at most one wait late."""

JITTER: Final = 0.25
"""Share by which a wait is shortened at random, so that sessions lost together do not come back together."""

TRANSIENT_CODES: Final = frozenset(
    {
        "ASR_CONNECTION_CLOSED",
        "ASR_DRIVER_TIMEOUT",
        "CLIENT_MESSAGE_TIMEOUT",
        "FAILED_TO_LISTEN",
        "FAILED_TO_SPEAK",
        "FAILED_TO_START_LISTENING",
        "FAILED_TO_THINK",
        "INTERNAL_SERVER_ERROR",
        "MAXIMUM_SESSION_LENGTH_REACHED",
        "NON_EXISTENT_FUNCTION_CALLED",
        "SERVER_GOING_AWAY",
    }
)
"""``Error`` codes of the Voice Agent API after which a new session with the same context may well succeed. Any other code
is about what we sent: sending it again would fail again."""

FINAL_CLOSE_CODES: Final = frozenset({1000, 1002, 1003, 1007, 1008, 1009, 1010})
"""Close codes by which a peer says it is done, or that what we do is wrong (RFC 6455, 7.4.1)."""


class Backoff:
    """The waits before each try: none before the first, then 0.2 s, 0.4 s … up to 2 s, jittered.

    Iterating ends once ``bound_s`` have passed since it began, the time of the tries included; the last wait is cut so
    that a last try falls on the bound.
    """

    def __init__(
        self, *, bound_s: float, clock: Callable[[], float] = time.monotonic, uniform: Callable[[], float] = random.random
    ) -> None:
        self._bound_s = bound_s
        self._clock = clock
        self._uniform = uniform

    def __iter__(self) -> Iterator[float]:
        end = self._clock() + self._bound_s
        yield 0.0
        wait_s = FIRST_S
        while (left_s := end - self._clock()) > 0:
            yield min(wait_s * (1 - JITTER * self._uniform()), left_s)
            wait_s = min(wait_s * 2, LONGEST_S)


def is_retryable(ended: Closed | AgentdError | str) -> bool:
    """True when a new connection may do better.

    Args:
        ended: how the connection ended, why connecting failed, or the code of an ``Error`` message.
    """
    match ended:
        case AgentdError():
            return ended.retryable
        case str():
            return ended in TRANSIENT_CODES
        case Closed(cause="local"):
            return False
        case Closed(cause="peer"):
            return ended.code not in FINAL_CLOSE_CODES and not 4000 <= (ended.code or 0) <= 4999
        case Closed():
            return True
