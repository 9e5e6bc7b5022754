"""Which model servers the engine calls: those that its configuration lists, alone and as the daemon's child."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agentd.config import EngineSettings
from agentd.engine.child import EngineChild
from tests.support.agent_client import agent_client, settings
from tests.support.engine_process import engine_process

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300)]

Running = Callable[[Path, str], AbstractAsyncContextManager[tuple[str, str]]]
"""An engine that may call one origin; gives its URL and key."""


class ModelServer:
    """Answers chat completions with one sentence, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        delta = {"role": "assistant", "content": "Hello from the model."}
        chunk = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta}],
        }
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: " + orjson.dumps(chunk) + b"\n\ndata: [DONE]\n\n")
        return response


@asynccontextmanager
async def model_server() -> AsyncIterator[tuple[ModelServer, str]]:
    """A model server and its origin."""
    server, app = ModelServer(), web.Application()
    app.router.add_post("/v1/chat/completions", server.handle)
    async with TestServer(app) as running:
        yield server, f"http://127.0.0.1:{running.port}"


@asynccontextmanager
async def alone(folder: Path, allowed: str) -> AsyncIterator[tuple[str, str]]:
    """``agentd engine``, which reads its own configuration."""
    config = folder / "config.toml"
    config.write_text(f'[security]\nallowed_endpoints = ["{allowed}"]\n', encoding="utf-8")
    async with engine_process(folder, "--config", str(config)) as engine:
        yield engine.url, engine.key


@asynccontextmanager
async def as_child(_folder: Path, allowed: str) -> AsyncIterator[tuple[str, str]]:
    """The daemon's child, which is handed the daemon's list."""
    child = EngineChild(EngineSettings(), allowed_endpoints=(allowed,))
    await child.start()
    try:
        await child.wait_ready(60)
        url, _, key = child.target()
        yield url, key.get_secret_value()
    finally:
        await child.stop()


@pytest.mark.parametrize("engine", [alone, as_child])
async def test_only_a_listed_model_server_is_called(engine: Running, tmp_path: Path) -> None:
    pytest.importorskip("moonshine_voice", reason="the local extra is not installed")
    async with model_server() as (listed, origin), model_server() as (other, other_origin):
        async with engine(tmp_path, origin) as (url, key):
            async with agent_client(url, key) as client:
                await client.send(settings(think=_thinking_at(origin)))
                await client.send({"type": "InjectUserMessage", "content": "hi"})
                await client.until("AgentAudioDone", timeout=30)
                assert client.texts("assistant") == ["Hello from the model."]
            async with agent_client(url, key) as client:
                await client.send(settings(think=_thinking_at(other_origin)))
                assert f"{other_origin} is not in [security] allowed_endpoints" in (await client.until("Error"))["description"]
        assert (listed.asked, other.asked) == (1, 0)


def _thinking_at(origin: str) -> dict[str, object]:
    return {"provider": {"type": "open_ai", "model": "any"}, "endpoint": {"url": f"{origin}/v1/chat/completions"}}
