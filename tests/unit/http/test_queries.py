"""Query strings against a declaration."""

from typing import Literal

import pytest
from aiohttp.test_utils import make_mocked_request
from pydantic import Field

from agentd.errors import InvalidRequest
from agentd.http.queries import Anything, Family, Flag, Number, Parameters, Whole, parse
from agentd.sessions.state import State


class Everything(Parameters):
    wait: Literal["ready", "none"] = "ready"
    state: State | None = None
    drain: Flag = False
    wait_s: Number = Field(0.0, ge=0, le=300)
    ratio: Number | None = None
    limit: Whole = Field(100, ge=1, le=1000)
    name: str | None = None
    metadata: Family = Field(default_factory=dict)


class Lenient(Anything):
    agent: str | None = None


def read(query: str) -> Everything:
    return parse(make_mocked_request("GET", "/?" + query), Everything)


def faults(query: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as raised:
        read(query)
    return [(fault.pointer, fault.detail) for fault in raised.value.errors]


def test_what_is_not_given_has_its_default() -> None:
    assert read("") == Everything()


@pytest.mark.parametrize(
    ("text", "value"), [("", True), ("=", True), ("=true", True), ("=1", True), ("=YES", True), ("=no", False)]
)
def test_a_flag_alone_is_true(text: str, value: bool) -> None:
    assert read("drain" + text).drain is value


def test_values_are_read_as_declared() -> None:
    found = read("wait=none&state=active&wait_s=1e1&limit=007&name=a%20b&metadata.room=hall&metadata.a.b=c&metadata.=x")
    assert (found.wait, found.state, found.wait_s, found.limit, found.name) == ("none", State.ACTIVE, 10.0, 7, "a b")
    assert found.metadata == {"room": "hall", "a.b": "c", "": "x"}


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("wiat=none", "?wiat", "is not known here; known are wait, state, drain, wait_s, ratio, limit, name, metadata.*"),
        ("wait=soon", "?wait", "must be one of ready, none"),
        ("wait=none&wait=none", "?wait", "is given more than once"),
        ("state=gone", "?state", "must be one of connecting, active, reconnecting, stopping, ended"),
        ("drain=maybe", "?drain", "must be true or false"),
        ("wait_s=nan", "?wait_s", "must be a number of seconds from 0 to 300"),
        ("wait_s=inf", "?wait_s", "must be a number of seconds from 0 to 300"),
        ("wait_s=-1", "?wait_s", "must be a number of seconds from 0 to 300"),
        ("wait_s=%D9%A1", "?wait_s", "must be a number of seconds from 0 to 300"),
        ("wait_s=1_0", "?wait_s", "must be a number of seconds from 0 to 300"),
        ("wait_s=", "?wait_s", "must be a number of seconds from 0 to 300"),
        ("ratio=much", "?ratio", "must be a number"),
        ("limit=0", "?limit", "must be a whole number from 1 to 1000"),
        ("limit=1.0", "?limit", "must be a whole number from 1 to 1000"),
        ("limit=%2B5", "?limit", "must be a whole number from 1 to 1000"),
        ("limit=" + "9" * 5000, "?limit", "must be a whole number from 1 to 1000"),
        ("metadata=x", "?metadata", "is not known here; known are wait, state, drain, wait_s, ratio, limit, name, metadata.*"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(query: str, pointer: str, detail: str) -> None:
    assert faults(query) == [(pointer, detail)]


def test_every_fault_is_told_at_once() -> None:
    assert [pointer for pointer, _ in faults("a=1&drain=x&limit=y&name=1&name=2")] == ["?name", "?drain", "?limit", "?a"]


def test_routes_for_probes_and_foreign_clients_take_anything() -> None:
    found = parse(make_mocked_request("GET", "/?agent=home&x=1&x=2&metadata.a=b"), Lenient)
    assert found == Lenient(agent="home")
    with pytest.raises(InvalidRequest):
        parse(make_mocked_request("GET", "/?agent=home&agent=away"), Lenient)
