"""Every route of the table against every scope; and every way out against words that a token may not read."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson

from agentd.door.identity import SCOPES, Identity
from agentd.http.routes import ROUTES
from agentd.http.table import ANY, PATH_PARAMETERS, Route
from tests.support.contract import row_of
from tests.support.logs import logging_to
from tests.unit.http.conftest import Api, ApiOf, eventually

OPEN: Final = {
    "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/{file}", "/problems/{code}", "/console", "/console/{part}",
    "/console/{folder}/{member}", "/v1/agent/settings/think/models",
}  # fmt: skip
"""What is there for everybody: nothing of it holds state. A route is added here on purpose or not at all."""

GUARDED: Final = [route for route in ROUTES if route.scope is not None]
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route, **values: str) -> str:
    """The route's path, to a session that is not there unless the test says so: nothing of it waits or streams."""
    parts = {name: values.get(name, "nobody" if name == "id" else PATH_PARAMETERS[name].example) for name in route.placeholders}
    return route.path.format(**parts)


async def status_of(api: Api, route: Route, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status, and the problem if it is one; a stream is left as soon as it begins."""
    async with api.http.request(route.method, api.base + path_of(route), headers=headers) as response:
        if response.content_type != "application/problem+json":
            return response.status, {}
        return response.status, orjson.loads(await response.read())


def test_what_is_open_is_written_down() -> None:
    assert {route.path for route in ROUTES if route.scope is None} == OPEN
    assert {route.scope for route in GUARDED} <= {*SCOPES, ANY}


async def test_each_route_takes_its_scope_and_no_other(api_of: ApiOf) -> None:
    api = await api_of(handlers={}, auth_failures_per_minute=1000)
    granted = (await api.call("POST", "/v1/auth/grant")).json["access_token"]
    api.ahead_s[0] = 31
    strangers = [{}, *({"Authorization": f"Bearer {token}"} for token in ("unknown-token", granted, ""))]
    for route in GUARDED:
        for headers in strangers:
            status, problem = await status_of(api, route, headers)
            assert (status, problem["code"]) == (401, "unauthorized"), (label(route), headers)
        for scope in SCOPES:
            where = f"{label(route)} with {scope}"
            status, problem = await status_of(api, route, api.auth(scope))
            needed = f"needs {route.scope}"
            if route.scope == ANY or Identity("", frozenset({scope})).allows(str(route.scope)):
                assert status != 401, where
                assert needed not in problem.get("detail", ""), where
            else:
                assert (status, problem["code"], needed in problem["detail"]) == (403, "forbidden", True), where


async def test_whatever_is_not_in_the_table_tells_nothing_to_strangers(api_of: ApiOf) -> None:
    api = await api_of(handlers={})
    for path in sorted({route.path for route in GUARDED}):
        rows = [route for route in ROUTES if route.path == path]
        for method in METHODS:
            if row_of(method, path_of(rows[0])) is not None:
                continue
            async with api.http.request(method, api.base + path_of(rows[0])) as response:
                assert (response.status, response.headers.get("Allow")) == (401, None), (method, path)
            answer = await api.call(method, path_of(rows[0]))
            assert answer.status == 405, (method, path)
            assert {route.method for route in rows} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    async with api.http.get(api.base + "/v1/nothing") as response:
        assert response.status == 401
    (await api.call("GET", "/v1/nothing")).problem(404, "not-found")


# --- words -----------------------------------------------------------------------------------------------------------

PROMPT, GREETING, HEARD, SAID, ARGUMENT, RESULT = (
    f"canary-{what}" for what in ("prompt", "greeting", "heard", "said", "argument", "result")
)
WORDS: Final = (PROMPT, GREETING, HEARD, SAID, ARGUMENT, RESULT)
SCRIPT: Final[dict[str, Any]] = {
    "greeting_audio_s": 0.0,
    "on": [
        {
            "event": "user",
            "match": "lamp",
            "steps": [{"call": "set_light", "arguments": {"room": ARGUMENT}}, {"say": f"{SAID}. {{result}}", "audio_s": 0.1}],
        },
    ],
    "default": {"say": SAID, "audio_s": 0.1},
}
HANDLERS: Final = {
    "home.py": f'''
from agentd.functions import function


@function(tier="low")
async def set_light(room: str) -> str:
    """Switch a light on."""
    return "{RESULT}"
'''
}
WORDLESS: Final = ("control", "read", "metrics", "admin")


class Reader:
    """A stream that somebody without scope ``transcripts`` reads from beginning to end."""

    def __init__(self) -> None:
        self.seen = b""


@asynccontextmanager
async def reading(api: Api, path: str, headers: dict[str, str], *, socket: bool = False) -> AsyncIterator[Reader]:
    """Read a stream until the block is left."""
    reader = Reader()

    async def read() -> None:
        if socket:
            async with api.http.ws_connect(api.base + path, headers=headers) as stream:
                async for message in stream:
                    reader.seen += message.data.encode() if message.type is aiohttp.WSMsgType.TEXT else b""
        else:
            async with api.http.get(api.base + path, headers=headers) as response:
                assert response.status == 200
                async for chunk in response.content.iter_any():
                    reader.seen += chunk

    async with asyncio.TaskGroup() as group:
        task = group.create_task(read())
        await eventually(lambda: b"Snapshot" in reader.seen)
        yield reader
        await eventually(lambda: b"SessionEnded" in reader.seen)
        task.cancel()


async def converse(api: Api, headers: dict[str, str]) -> list[bytes]:
    """Everything that has words in it, done by ``headers``; the answers."""
    session = "/v1/sessions/kitchen"
    calls: list[tuple[str, str, Any]] = [
        ("PUT", session, {"prompt": PROMPT, "greeting": GREETING, "metadata": {"room": "kitchen"}}),
        ("POST", f"{session}/messages?wait=reply", {"content": f"{HEARD}, the lamp please"}),
        ("POST", f"{session}/messages?wait=reply", {"content": HEARD}),
        ("POST", f"{session}/say", {"text": SAID}),
        ("PUT", f"{session}/prompt", {"prompt": PROMPT}),
        ("PATCH", f"{session}/prompt", {"append": PROMPT}),
        ("PUT", f"{session}/think", {"prompt": PROMPT}),
        ("POST", "/v1/functions/set_light/invoke", {"arguments": {"room": ARGUMENT}}),
    ]
    answers = [await api.call(method, path, json=body, headers=headers) for method, path, body in calls]
    assert [answer.status for answer in answers] == [201, *[200] * 7], [answer.body for answer in answers]
    return [answer.body for answer in answers]


async def sweep(api: Api, headers: dict[str, str], run_id: str) -> list[bytes]:
    """Every GET of the table that does not stream, for the session by its name and by its run."""
    bodies = []
    for route in ROUTES:
        if route.method != "GET" or (route.stream and "events" not in route.path):
            continue
        for id_ in ("kitchen", run_id):
            for n in ("1", "2", "3"):
                name = "set_light" if "functions" in route.path else "test"
                path = path_of(route, id=id_, n=n, name=name) + ("?after=0" if "events" in route.path else "")
                bodies.append((await api.call("GET", path, headers=headers)).body)
                if "n" not in route.placeholders:
                    break
    return bodies


def found(bodies: list[bytes]) -> set[str]:
    """The canaries among what came back, however JSON wrote them."""
    return {word for word in WORDS for body in bodies if word.encode() in body}


async def test_words_are_for_those_who_may_read_them(api_of: ApiOf) -> None:
    api = await api_of(script=SCRIPT, handlers=HANDLERS, agent={"prompt": PROMPT, "greeting": GREETING})
    readers, blind = api.auth("transcripts", *WORDLESS), api.auth(*WORDLESS)
    async with AsyncExitStack() as stack:
        everything = await stack.enter_async_context(reading(api, "/v1/events", blind))
        answers = await converse(api, blind)
        run_id = api.world.manager.get("kitchen").run_id
        session = "/v1/sessions/kitchen"
        streams = [
            await stack.enter_async_context(reading(api, f"{session}/events", blind | {"Last-Event-ID": f"{run_id}:0"})),
            await stack.enter_async_context(reading(api, f"{session}/stream?audio=none&after=0", blind, socket=True)),
        ]
        swept, seen = await sweep(api, blind, run_id), await sweep(api, readers, run_id)
        answers.append((await api.call("DELETE", session, headers=blind)).body)
    assert found([everything.seen, *answers, *(stream.seen for stream in streams), *swept]) == set()
    assert found(seen) == set(WORDS)


async def test_words_of_runs_that_only_the_store_has_are_kept_as_well(api_of: ApiOf) -> None:
    api = await api_of(script=SCRIPT, handlers=HANDLERS, ended_sessions=1)
    await converse(api, api.auth("control"))
    run_id = api.world.manager.get("kitchen").run_id
    assert (await api.call("DELETE", "/v1/sessions/kitchen")).status == 200
    for _ in range(2):  # the first of them takes its place in memory
        assert (await api.call("PUT", "/v1/sessions/other")).status == 201
        assert (await api.call("DELETE", "/v1/sessions/other")).status == 200
    assert found(await sweep(api, api.auth(*WORDLESS), run_id)) == set()
    assert {HEARD, SAID, ARGUMENT, RESULT} <= found(await sweep(api, api.auth("read", "transcripts"), run_id))


async def test_nothing_of_a_conversation_is_in_the_log(api_of: ApiOf) -> None:
    logged = io.StringIO()
    with logging_to(logged):
        api = await api_of(script=SCRIPT, handlers=HANDLERS)
        await converse(api, api.auth("control"))
        assert (await api.call("DELETE", "/v1/sessions/kitchen")).status == 200
    assert '"function_call_settled"' in logged.getvalue()
    assert found([logged.getvalue().encode()]) == set()
