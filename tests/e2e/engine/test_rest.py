"""The engine's REST paths, as deepgram-sdk asks for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment

from agentd.config import EngineSettings
from agentd.engine.catalogue import MODELS, THINK_MODELS
from agentd.engine.conversation import Conversation
from agentd.engine.reception import always
from agentd.engine.serving import serving

KEY = "the-engine's-key"


def _nobody(*_: object) -> Conversation:
    raise AssertionError("REST needs no conversation")


@asynccontextmanager
async def engine() -> AsyncIterator[str]:
    """An engine without models, that lists them."""
    async with serving(always(_nobody), EngineSettings(), KEY, models=MODELS, think_models=THINK_MODELS) as address:
        yield address


@asynccontextmanager
async def sdk(address: str, **key: str) -> AsyncIterator[AsyncDeepgramClient]:
    """The SDK, sent to the engine for everything."""
    url, ws = f"http://{address}", f"ws://{address}"
    environment = DeepgramClientEnvironment(base=url, production=ws, agent=ws, agent_rest=url)
    async with httpx.AsyncClient() as http:
        yield AsyncDeepgramClient(environment=environment, httpx_client=http, **key)


async def test_the_models_are_those_that_are_here() -> None:
    async with engine() as address, sdk(address, api_key=KEY) as client:
        models = await client.manage.v1.models.list()
        assert models.stt is not None
        assert models.tts is not None
        assert [model.canonical_name for model in models.stt] == [model["canonical_name"] for model in MODELS["stt"]]
        (voice, *_) = models.tts
        assert voice.metadata is not None
        assert voice.metadata.accent == "American"
        one = await client.manage.v1.models.get(str(models.stt[0].uuid_))
        assert one.canonical_name == models.stt[0].canonical_name
        with pytest.raises(ApiError) as missing:
            await client.manage.v1.models.get("af6e9977-99f6-4d8f-b6f5-dfdf6fb6e291")
        assert missing.value.status_code == 404


async def test_the_think_models_are_of_a_provider_that_the_sdk_knows() -> None:
    async with engine() as address, sdk(address, api_key=KEY) as client:
        found = await client.agent.v1.settings.think.models.list()
        assert found.models is not None
        assert [model.id for model in found.models] == [model["id"] for model in THINK_MODELS]


async def test_a_token_is_granted_and_reads_the_models_as_its_holder() -> None:
    async with engine() as address:
        async with sdk(address, api_key=KEY) as client:
            granted = await client.auth.v1.tokens.grant(ttl_seconds=60)
            assert granted.expires_in == 60
        async with sdk(address, access_token=granted.access_token) as holder:
            assert (await holder.manage.v1.models.list()).stt
            with pytest.raises(ApiError) as refused:
                await holder.auth.v1.tokens.grant()
        assert refused.value.status_code == 403
        assert refused.value.body["err_code"] == "INSUFFICIENT_PERMISSIONS"


async def test_a_fault_of_the_engine_is_told_in_deepgrams_shape_and_not_shown() -> None:
    async with (
        serving(always(_nobody), EngineSettings(), KEY, models={"stt": [object()]}) as address,
        httpx.AsyncClient(headers={"Authorization": f"Token {KEY}"}) as http,
    ):
        response = await http.get(f"http://{address}/v1/models")
    assert response.status_code == 500
    body = response.json()
    assert body["err_code"] == "INTERNAL_SERVER_ERROR"
    assert body["request_id"] == response.headers["dg-request-id"]
    assert "object" not in body["err_msg"]
