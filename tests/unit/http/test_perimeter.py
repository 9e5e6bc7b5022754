import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agentd.errors import REGISTRY
from agentd.http.advice import ADVICE
from agentd.http.routes import ROUTES
from agentd.http.table import Route
from tests.unit.http.conftest import Api, ApiOf, eventually


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    """No worker processes: nothing gets as far as a function here."""
    return await api_of(handlers={})


def path_of(route: Route) -> str:
    names = {"id": "kitchen", "n": "1", "name": "set_light", "code": "not-found", "call_id": "call_1"}
    return route.path.format(**names, file="docs.js", part="main.js", folder="views", member="theme.js")


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


async def test_whoever_has_no_token_is_told_how_to_send_one(api: Api) -> None:
    async with api.http.get(api.base + "/v1/sessions") as response:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert "curl -H @$S/auth" in (await response.json(content_type=None))["detail"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scope is None], ids=label)
async def test_open_routes_still_check_host_and_origin(api: Api, route: Route) -> None:
    async with api.http.request(route.method, api.base + path_of(route)) as response:
        assert response.status == 200
    for headers, code in (({"Host": "evil.example"}, "forbidden-host"), ({"Origin": "https://evil.example"}, "forbidden-origin")):
        (await api.call(route.method, path_of(route), headers=headers)).problem(403, code)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example:8690"}, "forbidden-host"),
        ({"Host": "localhost.evil.example"}, "forbidden-host"),
        ({"Host": "127.0.0.1"}, "forbidden-host"),
        ({"Origin": "http://evil.example"}, "forbidden-origin"),
        ({"Origin": "null"}, "forbidden-origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "forbidden-origin"),
        ({"Sec-Fetch-Site": "same-site"}, "forbidden-origin"),
    ],
)
async def test_foreign_hosts_and_origins_are_turned_away_token_or_not(api: Api, headers: dict[str, str], code: str) -> None:
    (await api.call("GET", "/v1/sessions", headers=headers)).problem(403, code)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
    (await api.call("GET", "/v1/agent/converse", headers=headers | upgrade)).problem(403, code)


async def test_our_own_origin_is_welcome(api: Api) -> None:
    own = {"Origin": api.base, "Sec-Fetch-Site": "same-origin"}
    assert (await api.call("GET", "/v1/sessions", headers=own)).status == 200


async def test_the_raw_host_counts_not_the_one_in_an_absolute_request_line(api: Api) -> None:
    auth = f"Authorization: Bearer {api.token}\r\nConnection: close\r\n\r\n"
    absolute = f"GET http://127.0.0.1:{api.port}/v1/sessions HTTP/1.1\r\nHost: evil.example\r\n{auth}"
    twice = f"GET /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nHost: evil.example\r\n{auth}"
    for request in (absolute, twice):
        assert (await api.raw(request.encode())).split(b"\r\n")[0].split()[1] == b"400"


async def test_tokens_in_the_query_are_refused(api: Api) -> None:
    problem = (await api.call("GET", f"/v1/sessions?token={api.token}")).problem(400, "malformed-request")
    assert api.token not in str(problem)


async def test_guessing_is_throttled_and_the_right_token_still_passes(api: Api) -> None:
    guesses = [await api.call("GET", "/v1/sessions", headers={"Authorization": f"Bearer guess-{i}"}) for i in range(12)]
    assert [answer.status for answer in guesses] == [401] * 10 + [429] * 2
    assert int(guesses[-1].headers["Retry-After"]) <= 60
    assert (await api.call("GET", "/v1/sessions")).status == 200
    assert (await api.call("GET", "/readyz", headers={"Authorization": "Bearer guess"})).status == 429


async def test_paths_and_methods_that_do_not_exist_are_problems_too(api: Api) -> None:
    (await api.call("GET", "/v1/nothing")).problem(404, "not-found")
    answer = await api.call("PATCH", "/v1/sessions")
    assert "POST" in answer.problem(405, "method-not-allowed")["detail"]
    assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}
    async with api.http.get(api.base + "/v1/nothing") as response:
        assert response.status == 401


async def test_every_answer_carries_the_safe_headers_and_none_names_the_server(api: Api) -> None:
    for path in ("/v1/sessions", "/v1/nothing", "/healthz"):
        headers = (await api.call("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Server" not in headers
        assert not [name for name in headers if name.lower().startswith("access-control")]


async def test_nobody_is_told_to_go_on_uploading_before_the_token_was_checked(api: Api) -> None:
    head = (
        f"PUT /v1/sessions/kitchen/audio HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n"
    )
    assert (await api.raw(f"{head}\r\n".encode())).startswith(b"HTTP/1.1 401")
    assert (await api.raw(f"{head}Authorization: Bearer {api.token}\r\n\r\n".encode())).startswith(b"HTTP/1.1 404")
    await api.session()
    assert (await api.raw(f"{head}Authorization: Bearer {api.token}\r\n\r\n".encode())).startswith(b"HTTP/1.1 100 Continue")


async def test_compressed_bodies_are_refused(api: Api) -> None:
    answer = await api.call(
        "POST", "/v1/sessions", data=b"{}", headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )
    answer.problem(415, "unsupported-media-type")


async def test_a_body_must_say_that_it_is_json_even_where_none_is_read(api: Api) -> None:
    """A page of another site can send a simple body without asking first (CSRF)."""
    await api.session()
    for type_ in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await api.call("POST", "/v1/sessions/kitchen/interrupt", data=b"{}", headers={"Content-Type": type_})
        answer.problem(415, "unsupported-media-type")
    options: list[dict[str, Any]] = [{}, {"data": b""}, {"json": {}}]
    for nothing in options:
        assert (await api.call("POST", "/v1/sessions/kitchen/interrupt", **nothing)).status == 200


async def test_reading_takes_no_body(api: Api) -> None:
    (await api.call("GET", "/v1/sessions", json={})).problem(400, "malformed-request")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
    (await api.call("GET", "/v1/agent/converse", data=b"x" * 100, headers=upgrade)).problem(400, "malformed-request")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00 TLS where HTTP is spoken\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    ],
)
async def test_what_is_not_even_http_is_a_problem_document_too(api: Api, request_: bytes) -> None:
    answer = await api.raw(request_)
    assert answer.split(b"\r\n")[0].split()[1] == b"400", answer[:300]
    assert b"application/problem+json" in answer
    assert b'"code":"malformed-request"' in answer
    assert b"aiohttp" not in answer
    assert (await api.call("GET", "/v1/sessions")).status == 200


async def test_too_many_header_fields_are_refused(api: Api) -> None:
    answer = await api.call("GET", "/v1/sessions", headers={f"X-{i}": "1" for i in range(70)})
    answer.problem(400, "malformed-request")


async def test_open_requests_of_one_token_are_bounded(api_of: ApiOf) -> None:
    api = await api_of(connections_per_token=2)
    await api.session()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(api.call("GET", "/v1/events?after=100000&wait_s=1"))
        await eventually(lambda: api.deps.hub.subscribers["poll"] == 2)
        answer = await api.call("GET", "/v1/sessions")
        answer.problem(429, "too-many-requests")
        assert (await api.call("GET", "/v1/sessions", headers=api.auth("read"))).status == 200
    assert (await api.call("GET", "/v1/sessions")).status == 200


async def test_connections_are_capped_and_those_that_say_nothing_make_room(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, connections=4)
    await api.session()
    async with api.http.get(f"{api.base}/v1/sessions/kitchen/events", headers=api.auth("read")) as stream:
        silent = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(20)]
        assert (await api.call("GET", "/healthz")).status == 200
        assert b"401" in await api.raw(f"GET /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\n\r\n".encode())
        async with asyncio.timeout(30):
            gone = await asyncio.gather(*(reader.read() for reader, _ in silent[:16]), return_exceptions=True)
        assert all(what == b"" or isinstance(what, ConnectionError) for what in gone)
        assert await stream.content.readline()
        for _, writer in silent:
            writer.close()
    text = (await api.call("GET", "/metrics")).body.decode()
    assert "agentd_http_connection_limit 4.0" in text
    assert 'agentd_limits_reached_total{limit="connections"}' in text


async def test_a_connection_that_is_being_answered_is_not_dropped_for_a_new_one(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, connections=2)
    await api.session()
    streams = [await api.http.get(f"{api.base}/v1/sessions/kitchen/events", headers=api.auth("read")) for _ in range(2)]
    assert await api.raw(b"GET /healthz HTTP/1.1\r\n\r\n") == b""
    for stream in streams:
        assert await stream.content.readline()
        stream.close()
    await eventually(lambda: api.runner.server.open_now == 0)  # type: ignore[union-attr]
    assert (await api.call("GET", "/healthz")).status == 200


async def test_on_the_unix_socket_any_localhost_is_us_and_nobody_else(api: Api, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    await web.UnixSite(api.runner, path).start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as http:
        for host, status in (("localhost", 200), ("localhost:1234", 200), ("evil.example", 403)):
            async with http.get(f"http://{host}/v1/sessions", headers={"Authorization": f"Bearer {api.token}"}) as response:
                assert response.status == status
        async with http.get("http://localhost/v1/sessions") as response:
            assert response.status == 401


async def test_starts_of_one_token_are_limited_and_ensuring_a_live_session_is_none(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, starts_per_minute=2)
    for _ in range(4):
        assert (await api.call("PUT", "/v1/sessions/kitchen")).status in (200, 201)
    assert (await api.call("POST", "/v1/sessions")).status == 201
    answer = await api.call("POST", "/v1/sessions")
    answer.problem(429, "too-many-requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert (await api.call("POST", "/v1/sessions", headers=api.auth("control"))).status == 201


async def test_a_defect_is_a_500_without_a_word_of_what_happened(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(api.world.manager, "list", broken)
    answer = await api.call("GET", "/v1/sessions")
    answer.problem(500, "internal-error")
    assert b"secret" not in answer.body


async def test_every_problem_has_a_page_for_people_and_programs(api: Api) -> None:
    travelling = {code for code, kind in REGISTRY.items() if kind.__module__ == "agentd.errors"}
    assert travelling == set(ADVICE)
    for code in ADVICE:
        answer = await api.call("GET", f"/problems/{code}")
        assert answer.json["code"] == code
        assert answer.json["advice"]
    page = await api.call("GET", "/problems/nothing-heard", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"<h1>" in page.body
    (await api.call("GET", "/problems/%3Cscript%3E")).problem(404, "not-found")


async def test_requests_are_measured_under_the_template_of_their_route(api: Api) -> None:
    await api.call("GET", "/v1/sessions/nobody")
    await api.call("GET", "/v1/nothing/at/all")
    text = (await api.call("GET", "/metrics")).body.decode()
    assert 'agentd_http_request_duration_seconds_count{method="GET",route="/v1/sessions/{id}",status="404"} 1.0' in text
    assert 'route="none",status="404"' in text
    assert "nobody" not in text


async def test_open_pages_are_found_with_a_slash_too_many_and_say_which_methods_they_take(api: Api) -> None:
    for page in ("/docs", "/healthz", "/openapi.json"):
        async with api.http.get(f"{api.base}{page}/", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (308, f"..{page}")
        async with api.http.get(f"{api.base}{page}/") as response:
            assert (response.status, response.url.path) == (200, page)
        async with api.http.post(api.base + page) as response:
            assert response.status == 405
            assert "GET" in response.headers["Allow"]
    async with api.http.get(f"{api.base}/v1/sessions/") as response:
        assert response.status == 401
