import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from tests.unit.http.conftest import Api, ApiOf

JSON = {"Content-Type": "application/json"}


UNREADABLE = (
    (b"{", "not JSON"),
    (b'{"agent": NaN}', "NaN"),
    (b'{"max_duration_s": 1e999}', "too large"),
    (b'{"max_duration_s": ' + b"9" * 5000 + b"}", "too large"),
    (b'{"settings": {"a": 18446744073709551616}}', "too large"),
    (b'{"agent": "a", "agent": "b"}', "twice"),
    (b'{"settings": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper"),
    (b'{"settings": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}", "deeper"),
    (b'{"prompt": "\\ud800"}', "surrogate"),
    (b'{"\\ud800": 1}', "surrogate"),
    (b'{"prompt": "\xff"}', "UTF-8"),
    (b'\xef\xbb\xbf{"agent": "test"}', "byte order mark"),
    ('{"agent": "test"}'.encode("utf-16"), "UTF-16"),
    ('{"agent": "test"}'.encode("utf-16-le"), "UTF-16"),
    ('{"agent": "test"}'.encode("utf-16-be"), "UTF-16"),
    ('{"agent": "test"}'.encode("utf-32-le"), "UTF-16 or UTF-32"),
    ('{"agent": "tést"}'.encode("latin-1"), "UTF-8"),
    (b'{"agent": "\xc0\xaf"}', "UTF-8"),
    (b'{"agent": "\xed\xa0\x80"}', "UTF-8"),
    (b'{"prompt": "\\udc00\\ud800"}', "surrogate"),
    (b'{"max_duration_s": Infinity}', "Infinity"),
    (b'{"max_duration_s": -Infinity}', "Infinity"),
    (b'{"max_duration_s": -1e999}', "too large"),
    (b'{"max_duration_s": 01}', "not JSON"),
    (b'{"max_duration_s": 0x10}', "not JSON"),
    (b'{"max_duration_s": 1_000}', "not JSON"),
    (b'{"max_duration_s": .5}', "not JSON"),
    (b'{"settings": {"a": {"b": 1, "b": 2}}}', "twice"),
    (b'{"agent": "a", "\\u0061gent": "b"}', "twice"),
    (b'{"settings": ' + b'{"a":' * 30_000 + b"1" + b"}" * 30_000 + b"}", "deeper"),
    (b"[" * 200_000, "deeper"),
    (b"{'agent': 'test'}", "not JSON"),
    (b'{"agent": "test",}', "not JSON"),
    (b'{"agent": "test"} {}', "not JSON"),
    (b'{"agent": "te\nst"}', "not JSON"),
    (b'{"agent": "test"}\x00', "not JSON"),
    (b"// comment\n{}", "not JSON"),
    (b"agent: test", "not JSON"),
    (b"\x1f\x8b\x08\x00", "UTF-8"),
)


async def test_bodies_that_cannot_be_read_are_400(api: Api) -> None:
    for body, says in UNREADABLE:
        problem = (await api.call("POST", "/v1/sessions", data=body, headers=JSON)).problem(400, "malformed-request")
        assert says in problem["detail"], body[:80]


async def test_a_body_that_is_no_object_is_422(api: Api) -> None:
    (await api.call("POST", "/v1/sessions", data=b"[]", headers=JSON)).problem(422, "invalid-request")


async def test_compressed_bodies_are_refused_unread(api: Api) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    for coding in ("gzip", "deflate", "br", "gzip, identity"):
        headers = JSON | {"Content-Encoding": coding}
        problem = (await api.call("POST", "/v1/sessions", data=bomb, headers=headers)).problem(415, "unsupported-media-type")
        assert "uncompressed" in problem["detail"]


FAULTY = (
    (b'{"max_duration_s": "60"}', "/max_duration_s"),
    (b'{"max_duration_s": true}', "/max_duration_s"),
    (b'{"max_duration_s": 0}', "/max_duration_s"),
    (b'{"max_duration_s": 1e308}', "/max_duration_s"),
    (b'{"record": 1}', "/record"),
    (b'{"metadata": {"a": 1}}', "/metadata/a"),
    (b'{"metadata": {"a/b~c": 1}}', "/metadata/a~1b~0c"),
    (b'{"functions": "all"}', "/functions"),
    (b'{"Agent": "test"}', "/Agent"),
    (b'{"agent": "test", "": 1}', "/"),
    (b'{"id": "Kitchen"}', "/id"),
    (b'{"id": ""}', "/id"),
    (b'{"id": "../etc"}', "/id"),
    (b'{"prompt": null, "agent": "nobody"}', "/agent"),
)


async def test_well_formed_bodies_with_a_fault_are_422_and_point_at_it(api: Api) -> None:
    for body, pointer in FAULTY:
        problem = (await api.call("POST", "/v1/sessions", data=body, headers=JSON)).problem(422, "invalid-request")
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer], body


async def test_what_curl_sends_on_its_own_is_415_with_the_flag_to_add(api: Api) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    problem = (await api.call("POST", "/v1/sessions", data=b"{}", headers=form)).problem(415, "unsupported-media-type")
    assert "--json" in problem["detail"]
    assert "Content-Type: application/json" in problem["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-16", "text/json", "application/jsonx"])
async def test_other_content_types_are_415(api: Api, kind: str) -> None:
    answer = await api.call("POST", "/v1/sessions", data=b"{}", headers={"Content-Type": kind})
    answer.problem(415, "unsupported-media-type")


async def test_a_body_without_a_content_type_is_415_and_no_body_needs_none(api: Api) -> None:
    answer = await api.call("POST", "/v1/sessions", data=b"{}", skip_auto_headers={"Content-Type"})
    answer.problem(415, "unsupported-media-type")
    assert (await api.call("POST", "/v1/sessions", headers=JSON)).status == 201


async def test_a_body_over_the_limit_is_413_with_and_without_a_length(api: Api) -> None:
    large = b'{"prompt": "' + b"x" * 262_144 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 50_000):
            yield large[start : start + 50_000]

    (await api.call("POST", "/v1/sessions", data=large, headers=JSON)).problem(413, "payload-too-large")
    (await api.call("POST", "/v1/sessions", data=chunks(), headers=JSON)).problem(413, "payload-too-large")


async def test_a_body_that_does_not_arrive_is_408(api_of: ApiOf) -> None:
    api = await api_of(request_read_s=0.2)

    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"prompt": "'
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        (await api.call("POST", "/v1/sessions", data=trickle(), headers=JSON)).problem(408, "request-timeout")


async def test_query_parameters_that_are_not_known_are_refused_and_named(api: Api) -> None:
    problem = (await api.call("POST", "/v1/sessions?wiat=none")).problem(422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "?wiat"
    assert "wait" in problem["errors"][0]["detail"]
    (await api.call("POST", "/v1/sessions?wait=none&wait=ready")).problem(422, "invalid-request")
    (await api.call("POST", "/v1/sessions?wait=soon")).problem(422, "invalid-request")


async def test_formats_nobody_can_produce_are_406(api: Api) -> None:
    await api.session()
    (await api.call("GET", "/v1/sessions/kitchen/transcript", headers={"Accept": "application/pdf"})).problem(
        406, "not-acceptable"
    )
