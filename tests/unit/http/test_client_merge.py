"""A client's Settings and updates over the profile it names, as they reach the upstream."""

from typing import Any

import pytest

from tests.support.agent_client import AgentClient, agent_client
from tests.unit.http.compatible_clients import OURS, THINK, WEATHER, converse, document
from tests.unit.http.conftest import Api, ApiOf

VOICE = {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}
PROFILE = {"greeting": "Hello from the house.", "settings": {"agent": {"speak": VOICE}}}


def sent(api: Api, n: int = 0) -> list[dict[str, Any]]:
    """What came of connection ``n``."""
    return api.world.peer.connections[n].messages


def names(think: dict[str, Any]) -> list[str]:
    return [function["name"] for function in think["functions"]]


async def test_the_profile_is_completed_by_the_clients_settings(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, agent=PROFILE)
    async with converse(api, document(listen={"provider": {"type": "deepgram", "model": "nova-2"}}) | {"tags": ["mine"]}):
        (settings,) = sent(api)
    assert settings["tags"] == ["mine"]
    agent = settings["agent"]
    assert agent["greeting"] == "Hello from the house."
    assert agent["speak"]["provider"]["model"] == "aura-2-zeus-en"
    assert agent["listen"]["provider"]["model"] == "nova-2"
    assert agent["think"]["prompt"] == "You are a test."
    assert names(agent["think"]) == ["set_light", "slow", "get_weather"]


async def test_what_the_client_says_wins_and_its_voice_is_not_mixed_with_the_profiles(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, agent=PROFILE)
    voice = {"provider": {"type": "cartesia", "model_id": "sonic", "voice": {"mode": "id", "id": "a"}}}
    async with converse(api, document(think=THINK | {"prompt": "The client's own."}, speak=voice, greeting="Hi.")):
        (settings,) = sent(api)
    agent = settings["agent"]
    assert (agent["greeting"], agent["think"]["prompt"], agent["speak"]) == ("Hi.", "The client's own.", voice)


async def test_every_entry_of_a_think_list_gets_the_profiles_functions_and_prompt(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS)
    spare = {"provider": {"type": "anthropic", "model": "claude-haiku-4-5"}, "prompt": "Spare."}
    async with converse(api, document(think=[THINK, spare])):
        (settings,) = sent(api)
    first, second = settings["agent"]["think"]
    assert (names(first), first["prompt"]) == (["set_light", "slow", "get_weather"], "You are a test.")
    assert (names(second), second["prompt"]) == (["set_light", "slow"], "Spare.")


async def test_without_a_profile_settings_reach_the_upstream_as_they_were_sent(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS)
    own = document(think=THINK) | {"tags": ["a"], "brand": {"new": [1, 2]}}
    async with converse(api, own, agent=None) as client:
        think = THINK | {"functions": []}
        await client.send({"type": "UpdateThink", "think": think})
        await client.until("ThinkUpdated")
        assert sent(api) == [own, {"type": "UpdateThink", "think": think}]


async def test_an_update_of_think_keeps_the_profiles_functions(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS)
    async with converse(api) as client:
        provider = {"type": "open_ai", "model": "gpt-4.1-mini"}
        await client.send({"type": "UpdateThink", "think": {"provider": provider, "functions": [WEATHER | {"name": "other"}]}})
        await client.until("ThinkUpdated")
        await client.send({"type": "UpdateThink", "think": [{"provider": provider, "prompt": "New."}]})
        await client.until("ThinkUpdated", after=len(client.items))
        _, one, many = sent(api)
    assert names(one["think"]) == ["set_light", "slow", "other"]
    assert one["think"]["prompt"] == "You are a test."
    assert names(many["think"][0]) == ["set_light", "slow"]
    assert many["think"][0]["prompt"] == "New."


async def test_on_a_name_clash_the_profiles_function_wins_and_the_client_is_told_once(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS)
    think = THINK | {"functions": [WEATHER | {"name": "set_light", "description": "The client's."}, WEATHER]}
    async with converse(api, document(think=think)) as client:
        await client.send({"type": "UpdateThink", "think": think})
        await client.until("ThinkUpdated")
        (warning,) = client.of_type("Warning")
        declared = sent(api)[0]["agent"]["think"]["functions"]
    assert warning["code"] == "FUNCTION_NAME_TAKEN"
    assert "set_light" in warning["description"]
    assert [(function["name"], function["description"]) for function in declared if function["name"] == "set_light"] == [
        ("set_light", "Switch a light on.")
    ]


async def refused(api: Api, *messages: dict[str, Any]) -> AgentClient:
    """Send these and read to the end."""
    async with agent_client(api.base.replace("http", "ws", 1), api.token) as client:
        for message in messages:
            await client.send(message)
            if message["type"] == "Settings" and len(messages) > 1:
                await client.until("SettingsApplied")
        await client.closed()
        assert client.close_code == 1008
        return client


ELSEWHERE = {"url": "https://llm.example.net/v1/chat"}


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ({"think": THINK | {"endpoint": ELSEWHERE}}, "/agent/think/endpoint/url"),
        ({"speak": VOICE | {"endpoint": ELSEWHERE}}, "/agent/speak/endpoint/url"),
        ({"think": THINK | {"functions": [WEATHER | {"endpoint": ELSEWHERE}]}}, "/agent/think/functions/0/endpoint"),
    ],
    ids=["think", "speak", "function"],
)  # fmt: skip
async def test_addresses_that_are_not_allowed_are_refused_as_the_protocol_refuses(api: Api, agent: Any, told: str) -> None:
    client = await refused(api, document(**agent))
    (error,) = client.of_type("Error")
    assert error["code"] == "INVALID_SETTINGS"
    assert told in error["description"]
    assert api.world.peer.connections == [], "nothing of it reached the upstream"


async def test_an_update_may_not_name_them_either(api: Api) -> None:
    client = await refused(api, document(), {"type": "UpdateThink", "think": THINK | {"endpoint": ELSEWHERE}})
    assert client.items[-1] == client.of_type("Error")[0]
    assert len(sent(api)) == 1


async def test_a_reusable_configuration_passes_through_without_the_profiles_functions(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS)
    settings = document() | {"agent": "fc553ec9-5874-49ca-a47c-b670d525a4b1"}
    async with agent_client(api.base.replace("http", "ws", 1), api.token, path="/v1/agent/converse?agent=test") as client:
        await client.send(settings)
        await client.closed()
        assert client.of_type("Error")[0]["code"] == "AGENT_ID_NOT_SUPPORTED", "the scripted server's own answer"
