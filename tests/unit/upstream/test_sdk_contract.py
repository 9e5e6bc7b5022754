"""What we rely on in the Deepgram SDK, some of it private: an update that changes it fails here, not in a conversation."""

import inspect
import subprocess
import sys

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.agent.v1 import client as agent_client
from deepgram.environment import DeepgramClientEnvironment
from pydantic import SecretStr

from agentd.config import LimitSettings
from agentd.upstream.deepgram import UpstreamClient, UpstreamTarget
from agentd.upstream.transport import install_transport

TARGET = UpstreamTarget("deepgram", "wss://agent.example", "https://api.example", SecretStr("secret"), None)


def test_the_environment_names_the_four_hosts() -> None:
    assert list(inspect.signature(DeepgramClientEnvironment).parameters) == ["base", "production", "agent", "agent_rest"]


async def test_the_sdk_is_made_once_per_target_and_again_when_the_target_changes() -> None:
    client = UpstreamClient(limits=LimitSettings(), transport="picows")
    first = client._sdk(TARGET)
    assert client._sdk(TARGET) is first
    moved = UpstreamTarget("deepgram", "wss://other.example", "https://api.example", SecretStr("secret"), None)
    assert client._sdk(moved) is not first
    await client.close()


async def test_the_sdk_is_told_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, DeepgramClientEnvironment] = {}
    made = AsyncDeepgramClient.__init__

    def note(self: AsyncDeepgramClient, *args: object, **kwargs: object) -> None:
        environment = kwargs["environment"]
        assert isinstance(environment, DeepgramClientEnvironment)
        seen["environment"] = environment
        made(self, *args, **kwargs)

    monkeypatch.setattr(AsyncDeepgramClient, "__init__", note)
    client = UpstreamClient(limits=LimitSettings(), transport="picows")
    client._sdk(TARGET)
    assert vars(seen["environment"]) == {
        "base": "https://api.example",
        "production": "wss://api.example",
        "agent": "wss://agent.example",
        "agent_rest": "https://agent.example",
    }
    await client.close()


async def test_the_headers_are_the_sdks_and_worked_out_once() -> None:
    client = UpstreamClient(limits=LimitSettings(), transport="picows")
    wrapper = client._sdk(TARGET)._client_wrapper
    headers = wrapper.get_headers()
    assert headers["Authorization"] == "Token secret"
    assert headers["User-Agent"].startswith("deepgram-sdk/")
    headers["Authorization"] = "spoilt"
    assert wrapper.get_headers()["Authorization"] == "Token secret"
    assert agent_client.AsyncV1Client(client_wrapper=wrapper)._raw_client._client_wrapper.get_headers == wrapper.get_headers
    await client.close()


def test_our_transport_is_installed_once_for_the_whole_process() -> None:
    install_transport()
    install_transport()
    assert type(vars(agent_client)["websockets_client_connect"]).__name__ == "_AsyncTransportShim"


def test_the_sdk_says_what_to_use_when_somebody_else_connects_it_in_this_process() -> None:
    program = """
import asyncio
from deepgram import AsyncDeepgramClient
from agentd.upstream.transport import install_transport
install_transport()
async def main():
    async with AsyncDeepgramClient(api_key="k").agent.v1.connect():
        pass
asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert "UpstreamClient" in ran.stderr
