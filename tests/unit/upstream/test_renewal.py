from collections.abc import Iterator

import pytest

from agentd.errors import (
    AgentdError,
    InvalidSettings,
    UpstreamAuth,
    UpstreamBusy,
    UpstreamPayment,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from agentd.upstream.connection import Closed
from agentd.upstream.renewal import Backoff, is_retryable


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tries(bound_s: float, *, uniform: float = 0.0, try_s: float = 0.0) -> Iterator[tuple[float, float]]:
    """Each try's wait and when it began, when every try takes ``try_s`` and fails."""
    clock = Clock()
    for wait_s in Backoff(bound_s=bound_s, clock=clock, uniform=lambda: uniform):
        clock.now += wait_s
        yield wait_s, clock.now - 100.0
        clock.now += try_s


def test_the_first_try_comes_at_once_and_the_waits_double_up_to_two_seconds() -> None:
    waits = [round(wait_s, 3) for wait_s, _ in tries(10)]
    assert waits == [0, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 1.0]


def test_the_last_try_falls_on_the_bound() -> None:
    assert [at_s for _, at_s in tries(10)][-1] == pytest.approx(10)


def test_the_time_of_the_tries_counts() -> None:
    begun = [at_s for _, at_s in tries(10, try_s=4)]
    assert begun == pytest.approx([0, 4.2, 8.6])


def test_jitter_only_shortens_a_wait() -> None:
    full = [wait_s for wait_s, _ in tries(3)]
    jittered = [wait_s for wait_s, _ in tries(3, uniform=1.0)]
    assert jittered[1:4] == pytest.approx([wait_s * 0.75 for wait_s in full[1:4]])


def test_a_backoff_can_be_used_again() -> None:
    clock = Clock()
    backoff = Backoff(bound_s=1, clock=clock, uniform=lambda: 0.0)
    assert next(iter(backoff)) == next(iter(backoff)) == 0


@pytest.mark.parametrize(
    ("ended", "again"),
    [
        (Closed(None, "", "transport"), True),
        (Closed(1009, "too big", "transport"), True),
        (Closed(None, "", "watchdog"), True),
        (Closed(1000, "", "local"), False),
        (Closed(1000, "", "peer"), False),
        (Closed(1001, "going away", "peer"), True),
        (Closed(1005, "", "peer"), True),
        (Closed(1008, "DATA-0000", "peer"), False),
        (Closed(1011, "NET-0001", "peer"), True),
        (Closed(1012, "restart", "peer"), True),
        (Closed(4001, "theirs", "peer"), False),
    ],
)
def test_a_close_that_may_pass_is_tried_again(ended: Closed, again: bool) -> None:
    assert is_retryable(ended) is again


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (UpstreamUnreachable(""), True),
        (UpstreamTimeout(""), True),
        (UpstreamBusy(""), True),
        (UpstreamAuth(""), False),
        (UpstreamPayment(""), False),
        (UpstreamRefused(""), False),
        (InvalidSettings(""), False),
    ],
)
def test_a_failed_connect_is_tried_again_by_its_error(error: AgentdError, again: bool) -> None:
    assert is_retryable(error) is again


@pytest.mark.parametrize(
    ("code", "again"),
    [
        ("INTERNAL_SERVER_ERROR", True),
        ("SERVER_GOING_AWAY", True),
        ("MAXIMUM_SESSION_LENGTH_REACHED", True),
        ("CLIENT_MESSAGE_TIMEOUT", True),
        ("INVALID_SETTINGS", False),
        ("UNPARSABLE_CLIENT_MESSAGE", False),
        ("USER_AUDIO_FORMAT", False),
        ("A_CODE_NOBODY_KNOWS", False),
    ],
)
def test_an_error_message_is_tried_again_by_its_code(code: str, again: bool) -> None:
    assert is_retryable(code) is again
