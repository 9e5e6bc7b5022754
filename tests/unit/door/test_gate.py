"""The gate alone: what it lets in from whom."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from agentd.door import Door, Identity, Peers
from agentd.errors import ForbiddenHost, ForbiddenOrigin, TlsRequired, TooManyRequests, Unauthorized

HOST = "voice.example.org"


def door(**options: Any) -> Door:
    known = {"right": Identity("x", frozenset({"read"}))}
    return Door(hosts=lambda: frozenset({HOST}), verify=known.get, peers=Peers(["10.0.0.2"]), **options)


def request(remote: str, **headers: str) -> Any:
    named = {"Host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/", headers=named).clone(remote=remote)


@pytest.mark.parametrize(("remote", "welcome"), [("10.0.0.2", True), ("127.0.0.1", True), ("::1", True), ("192.0.2.7", False)])
def test_without_tls_other_machines_come_through_the_proxy_alone(remote: str, *, welcome: bool) -> None:
    guarded = door(proxies_only=True)
    if welcome:
        guarded.admit(request(remote))
    else:
        with pytest.raises(TlsRequired):
            guarded.admit(request(remote, X_Forwarded_For="127.0.0.1"))
    door().admit(request(remote))


def test_the_origin_is_the_one_that_the_clients_connection_has() -> None:
    own = {"Origin": f"https://{HOST}"}
    door().admit(request("10.0.0.2", X_Forwarded_Proto="https", **own))
    for headers in (own, own | {"X_Forwarded_Proto": "http"}):
        with pytest.raises(ForbiddenOrigin):
            door().admit(request("10.0.0.2", **headers))
    with pytest.raises(ForbiddenOrigin):
        door().admit(request("192.0.2.7", X_Forwarded_Proto="https", **own))


def test_what_a_proxy_says_of_the_host_does_not_count() -> None:
    with pytest.raises(ForbiddenHost):
        door().admit(request("10.0.0.2", Host="evil.example", X_Forwarded_Host=HOST))


def test_wrong_tokens_are_counted_by_the_client_behind_the_proxy() -> None:
    guarded = door(failures_per_minute=1)

    def knock(client: str, token: str = "wrong") -> Any:
        return guarded.identify(request("10.0.0.2", X_Forwarded_For=client, Authorization=f"Bearer {token}"))

    with pytest.raises(Unauthorized):
        knock("198.51.100.1")
    with pytest.raises(TooManyRequests):
        knock("198.51.100.1")
    with pytest.raises(Unauthorized):
        knock("198.51.100.2")
    assert knock("198.51.100.1", "right").name == "x"
