"""One engine for all replays, with a model server that some clients bring, and the count of its conversations."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.contract.conformance.caller import Caller
from tests.support.agent_client import agent_socket
from tests.support.engine_process import engine_process
from tests.support.model_server import ModelServer, model_server

IDLE_S = 2.5
FUNCTION_S = 1.0


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine the clients talk to.

    Attributes:
        url: its base, ``ws://127.0.0.1:<port>``.
        key: what it accepts.
        models: the server that thinks for clients which name one.
        models_url: of its chat completions.
    """

    url: str
    key: str
    models: ModelServer
    models_url: str

    @property
    def http_url(self) -> str:
        """Base of its REST paths."""
        return self.url.replace("ws", "http", 1)

    @asynccontextmanager
    async def client(self, *, key: str = "", **options: Any) -> AsyncIterator[Caller]:
        """A connection of a client that does what the test says and nothing else; with no key unless one is given."""
        async with agent_socket(self.url, key, **options) as socket:
            client = Caller(socket)
            client.keeps_alive = False
            yield client

    async def conversations(self) -> int:
        """How many are open."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.http_url}/healthz") as response:
            return int((await response.json())["conversations"])

    async def is_empty(self) -> None:
        """Nothing is left of the clients that were here.

        Raises:
            TimeoutError: something is.
        """
        async with asyncio.timeout(30):
            while await self.conversations():  # noqa: ASYNC110 - nothing tells when a connection is gone
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    async with model_server() as (models, url):
        environment = {
            "AGENTD_ENGINE__IDLE_TIMEOUT_S": str(IDLE_S),
            "AGENTD_ENGINE__FUNCTION_TIMEOUT_S": str(FUNCTION_S),
            "AGENTD_SECURITY__ALLOWED_ENDPOINTS": json.dumps([url.partition("/openai")[0]]),
        }
        async with engine_process(tmp_path_factory.mktemp("replays"), environment=environment) as process:
            yield Engine(process.url, process.key, models, url)


@pytest_asyncio.fixture(loop_scope="session")
async def engine(_engine: Engine) -> AsyncIterator[Engine]:
    """The engine, which must be empty again when the test ends."""
    _engine.models.answers.clear()
    _engine.models.requests.clear()
    yield _engine
    await _engine.is_empty()
