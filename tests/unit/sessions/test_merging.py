"""A client's documents over a profile, where no server is needed to see it."""

from typing import Any

import pytest

from agentd.config import AgentProfile, Settings
from agentd.functions.registry import Registry
from agentd.protocol.codec import ProtocolError
from agentd.sessions.merging import Merge
from agentd.sessions.profiles import PASSTHROUGH, Profiles

OWN = "https://llm.example.org"
PROFILE = AgentProfile(
    prompt="A butler.",
    functions=(),
    settings={
        "agent": {
            "think": {
                "provider": {"type": "open_ai", "model": "a"},
                "endpoint": {"url": f"{OWN}/v1", "headers": {"authorization": "secret"}},
                "functions": [{"name": "weather", "endpoint": {"url": "https://api.example.org"}}],
            }
        }
    },
)


def merge(name: str = "butler", profile: AgentProfile = PROFILE) -> Merge:
    settings = Settings.model_validate(
        {"agents": {name: profile}, "security": {"allowed_endpoints": (OWN, "https://other.example.org")}}
    )
    profiles = Profiles(settings)
    agent, kept = profiles.get(name)
    return profiles.merge(agent, kept, profiles.functions(kept, Registry(), None))


def think(document: dict[str, Any]) -> dict[str, Any]:
    block = document["agent"]["think"]
    assert isinstance(block, dict)
    return block


def test_a_reusable_configuration_stays_as_it_is() -> None:
    given = {"type": "Settings", "agent": "fc553ec9-5874-49ca-a47c-b670d525a4b1"}
    assert merge().settings(given) is given


def test_the_profiles_endpoint_and_the_functions_that_run_elsewhere_stay() -> None:
    block = think(
        merge().settings({"agent": {"think": {"provider": {"type": "open_ai", "model": "b"}, "functions": [{"name": "own"}]}}})
    )
    assert block["endpoint"]["headers"] == {"authorization": "secret"}
    assert [function["name"] for function in block["functions"]] == ["weather", "own"]
    assert block["prompt"] == "A butler."


def test_the_key_of_the_profiles_endpoint_does_not_go_to_another() -> None:
    block = think(merge().settings({"agent": {"think": {"endpoint": {"url": "https://other.example.org/v1"}}}}))
    assert block["endpoint"] == {"url": "https://other.example.org/v1"}


@pytest.mark.parametrize("flags", [{"flags": {"history": False}}, {"settings": {"flags": {"history": False}}}])
def test_history_is_not_sent_to_a_client_that_does_not_want_it_wherever_it_says_so(flags: dict[str, Any]) -> None:
    assert merge().settings({"agent": {}} | flags)["flags"]["history"] is False


def test_what_a_client_may_not_name_is_refused_in_the_protocols_words() -> None:
    for block in ({"endpoint": {"url": "https://evil.example.net"}}, {"functions": [{"name": "f", "endpoint": {"url": OWN}}]}):
        with pytest.raises(ProtocolError, match="INVALID_SETTINGS"):
            merge().think(block)
    with pytest.raises(ProtocolError, match="INVALID_SETTINGS"):
        merge().check_speak({"endpoint": {"url": "wss://evil.example.net"}})


def test_passthrough_has_no_functions_unless_its_profile_names_them() -> None:
    bare = merge(PASSTHROUGH, AgentProfile(upstream="engine"))
    given: dict[str, Any] = {"agent": {"speak": {}}}
    assert bare.declared == ()
    assert bare.settings(given) is given
