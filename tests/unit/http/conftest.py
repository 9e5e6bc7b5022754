"""The control API over real sessions whose upstream is a scripted peer in this process."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestClient
from pytest_aiohttp.plugin import AiohttpClient

from agentd.config import Settings
from agentd.door import Door, TokenStore
from agentd.http.runner import make_runner
from agentd.http.server import HttpDeps, Readiness, build_app
from agentd.metrics import Metrics
from agentd.sessions.session import Session
from tests.support import contract
from tests.support.sessions import World, world

SCRIPT: dict[str, Any] = {
    "greeting_audio_s": 0.0,
    "on": [
        {
            "event": "user",
            "match": "lamp",
            "hears": "turn on the lamp",
            "steps": [{"call": "set_light", "arguments": {"room": "living room"}}, {"say": "Done. {result}", "audio_s": 0.3}],
        },
    ],
    "default": {"say": "I heard: {text}", "audio_s": 0.2},
}

HANDLERS = {
    "home.py": '''
from agentd.functions import function


@function(tier="low")
async def set_light(room: str) -> str:
    """Switch a light on."""
    return f"The lamp in the {room} is on."
'''
}


@dataclass(slots=True)
class Api:
    """A running control API and a client that holds the first token.

    Attributes:
        ahead_s: how far the clock of the tokens is ahead; a test moves it.
    """

    base: str
    port: int
    http: aiohttp.ClientSession
    world: World
    tokens: TokenStore
    deps: HttpDeps
    readiness: list[Readiness]
    runner: web.AppRunner
    ahead_s: list[float]
    made: dict[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return self.tokens.token_file.read_text().strip()

    def auth(self, *scopes: str) -> dict[str, str]:
        """Headers of a token with exactly these scopes."""
        name = "-".join(sorted(scopes))
        if name not in self.made:
            self.made[name] = self.tokens.create(frozenset(scopes), name)
        return {"Authorization": f"Bearer {self.made[name]}"}

    async def call(self, method: str, path: str, **options: Any) -> "Answer":
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        async with self.http.request(method, self.base + path, headers=headers, **options) as response:
            body = await response.read()
            contract.check(method, path, response.status, response.headers, body)
            return Answer(response.status, response.headers.copy(), body)

    async def session(self, id_: str = "kitchen", **spec: Any) -> Session:
        return await self.world.session(id=id_, **spec)

    async def raw(self, data: bytes) -> bytes:
        """Send bytes down a socket of its own and read until the daemon closes it or is quiet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            await writer.drain()
            async with asyncio.timeout(30):
                received = await reader.read(65536)
            try:
                async with asyncio.timeout(0.5):
                    while chunk := await reader.read(65536):
                        received += chunk
            except TimeoutError:
                pass
            return received
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        import orjson

        return orjson.loads(self.body)

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """Check that this is a problem document as api.md writes it, and return it."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.body
        problem: dict[str, Any] = self.json
        assert (self.status, problem["status"], problem["code"]) == (status, status, code), problem
        assert problem["type"] == f"/problems/{code}"
        assert problem["title"]
        assert problem["detail"]
        assert problem["request_id"] == self.headers["X-Request-ID"]
        return problem


async def eventually(condition: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
    """Look at every turn of the loop until ``condition`` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is watched has no event to wait for
            await asyncio.sleep(0.001)


ApiOf = Callable[..., Awaitable[Api]]


@pytest.fixture
async def api_of(tmp_path: Path, aiohttp_client: AiohttpClient) -> AsyncIterator[ApiOf]:
    """Makes control APIs; keyword arguments are ``[limits]`` keys, ``script``, ``handlers``, ``agent``, ``store_keys``."""
    async with AsyncExitStack() as stack:

        async def make(
            *, script: dict[str, Any] | None = None, handlers: dict[str, str] | None = None, agent: Any = None, **limits: Any
        ) -> Api:
            made = await stack.enter_async_context(
                world(tmp_path, script or SCRIPT, handlers=handlers if handlers is not None else HANDLERS, agent=agent, **limits)
            )
            return await _serve(aiohttp_client, made, tmp_path)

        yield make


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    return await api_of()


class _Server(BaseTestServer):
    """The test server of pytest-aiohttp with the runner that the daemon uses."""

    def __init__(self, runner: web.AppRunner) -> None:
        super().__init__(host="127.0.0.1")
        self._made = runner

    async def _make_runner(self, **_: Any) -> web.AppRunner:
        return self._made


async def _serve(aiohttp_client: AiohttpClient, made: World, folder: Path) -> Api:
    settings: Settings = made.manager._settings
    metrics: Metrics = made.manager._deps.metrics
    ahead_s = [0.0]
    tokens = TokenStore(folder / "tokens", clock=lambda: time.time() + ahead_s[0])
    tokens.load_or_create()
    readiness = [Readiness(ready=True, details={"functions": 1})]
    ports: list[int] = []
    deps = HttpDeps(
        settings=settings,
        manager=made.manager,
        functions=made.functions,
        door=Door(
            hosts=lambda: frozenset({f"127.0.0.1:{ports[0]}"}),
            verify=tokens.verify,
            failures_per_minute=settings.limits.auth_failures_per_minute,
        ),
        tokens=tokens,
        metrics=metrics,
        hub=made.hub,
        readiness=lambda: readiness[0],
        store=made.store,
    )
    runner = make_runner(build_app(deps), settings.limits)
    client: TestClient[web.Request, None] = await aiohttp_client(_Server(runner), timeout=aiohttp.ClientTimeout(total=20))
    port = client.port
    if port is None:
        raise AssertionError("the server listens")
    ports.append(port)
    return Api(f"http://127.0.0.1:{port}", port, client.session, made, tokens, deps, readiness, runner, ahead_s)
