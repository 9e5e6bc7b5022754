"""Granted tokens: whose they are, how long they live, and what is asked for them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.door.grants import Grants, ttl_of


class Clock:
    """A clock that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_valid_until_its_time_is_over() -> None:
    clock = Clock()
    grants = Grants(clock)
    token = grants.issue(30)
    assert grants.read(token)
    clock.now += 29.9
    assert grants.read(token)
    clock.now += 0.2
    assert not grants.read(token)


def test_a_client_can_read_when_the_token_ends() -> None:
    claims = Grants(Clock()).issue(60).split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"] == 1_000_060


def test_two_tokens_are_never_the_same_and_one_process_does_not_know_the_tokens_of_another() -> None:
    grants = Grants()
    assert grants.issue(30) != grants.issue(30)
    assert not Grants().read(grants.issue(30))


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    grants = Grants()
    signed, _, signature = grants.issue(30).rpartition(".")
    assert not grants.read(text)
    assert not grants.read(f"{signed}.{text}") or text == signature
    assert not grants.read(f"{text}.{signature}") or text == signed


def test_a_token_whose_end_was_moved_is_none() -> None:
    clock = Clock()
    grants = Grants(clock)
    header, claims, signature = grants.issue(1).split(".")
    later = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"exp": 9_999_999_999}
    forged = base64.urlsafe_b64encode(json.dumps(later).encode()).rstrip(b"=").decode()
    assert not grants.read(f"{header}.{forged}.{signature}")


@pytest.mark.parametrize(
    ("body", "ttl"),
    [
        (b"", 30),
        (b" \n", 30),
        (b"{}", 30),
        (b'{"ttl_seconds": null}', 30),
        (b'{"ttl_seconds": 1}', 1),
        (b'{"ttl_seconds": 3600.0}', 3600),
    ],
)
def test_the_time_is_half_a_minute_unless_the_request_says_otherwise(body: bytes, ttl: int) -> None:
    assert ttl_of(body) == ttl


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"30", b"\xff", b'{"ttl_seconds": 0}', b'{"ttl_seconds": 3601}', b'{"ttl_seconds": 1.5}',
        b'{"ttl_seconds": true}', b'{"ttl_seconds": "30"}', b'{"ttl_seconds": 1e999}',
    ],
)  # fmt: skip
def test_any_other_time_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"ttl_seconds|JSON"):
        ttl_of(body)
