"""Who a request comes from: what a reverse proxy says of its client is believed, what anybody else says is not."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from agentd.door.failures import Failures
from agentd.door.peers import Peers, household
from agentd.errors import TooManyRequests

PROXIES = ("10.0.0.2", "192.168.7.0/24", "2001:db8:1::/48")


def request(remote: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/", headers=named).clone(remote=remote)


@pytest.mark.parametrize(
    ("remote", "forwarded", "name"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # anybody can write that
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the client wrote the first one
        ("10.0.0.2", "198.51.100.1, 192.168.7.5", "198.51.100.1"),  # two proxies of ours
        ("10.0.0.2", "192.168.7.5", "192.168.7.5"),
        ("10.0.0.2", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.2", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.2", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "unknown", "10.0.0.2"),
        ("10.0.0.2", "<script>, 198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1::5", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_peer_is_the_last_address_that_is_no_proxy_of_ours(remote: str, forwarded: str, name: str) -> None:
    assert Peers(PROXIES).name(request(remote, X_Forwarded_For=forwarded)) == name


@pytest.mark.parametrize(
    ("remote", "said", "scheme"),
    [("10.0.0.2", "https", "https"), ("10.0.0.2", "gopher", "http"), ("10.0.0.2", "", "http"), ("203.0.113.9", "https", "http")],
)
def test_the_scheme_of_a_proxy_counts_and_nobody_elses(remote: str, said: str, scheme: str) -> None:
    assert Peers(PROXIES).scheme(request(remote, X_Forwarded_Proto=said)) == scheme


@given(st.text())
def test_no_header_breaks_it(text: str) -> None:
    asked = SimpleNamespace(
        remote="10.0.0.2", transport=None, scheme="http", headers=SimpleNamespace(getall=lambda *_: [text], get=lambda *_: text)
    )
    assert Peers(PROXIES).name(asked)  # type: ignore[arg-type]
    assert Peers(PROXIES).scheme(asked) in ("http", "https")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"),
        ("203.0.113.9", "203.0.113.9"),
        ("unix:1000", "unix:1000"),
    ],
)
def test_an_ipv6_host_has_a_whole_network_of_addresses_and_one_count(peer: str, counted: str) -> None:
    assert household(peer) == counted


def test_failures_are_counted_by_peer_within_a_minute_in_bounded_memory() -> None:
    now = [0.0]
    failures = Failures(2, clock=lambda: now[0])
    failures.count("203.0.113.9")
    failures.count("203.0.113.9")
    with pytest.raises(TooManyRequests) as refused:
        failures.count("203.0.113.9")
    assert refused.value.retry_after_s == 60
    failures.count("203.0.113.10")
    now[0] = 60
    failures.count("203.0.113.9")
    for n in range(10_000):
        failures.count(f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}")
    assert len(failures._times) <= 4096
