"""What a profile's Settings document is made of: functions of ours, and those that run on a server of their own."""

from typing import Any

import pytest

from agentd.config import AgentProfile, Settings
from agentd.errors import InvalidRequest
from agentd.functions.registry import FunctionSpec, Registry
from agentd.protocol import settings as documents
from agentd.sessions.profiles import Profiles
from agentd.sessions.spec import StartSpec

WEATHER = {"name": "get_weather", "endpoint": {"url": "https://api.example.org/weather"}}


def handler(name: str) -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, "low", 10.0, "a.py", 1, "00")


REGISTRY = Registry({name: handler(name) for name in ("get_time", "set_light")})


def offered(narrowed: tuple[str, ...] | None = None) -> dict[str, dict[str, Any]]:
    functions = [WEATHER, {"name": "handled_here"}, {"name": "get_time", "endpoint": {"url": "https://api.example.org/time"}}]
    profile = AgentProfile(settings={"agent": {"think": {"provider": {"type": "open_ai", "model": "m"}, "functions": functions}}})
    profiles = Profiles(Settings(agents={"default": profile}))
    specs = profiles.functions(profile, REGISTRY, narrowed)
    document = profiles.document(profile, StartSpec(functions=narrowed), specs)
    return {function["name"]: function for function in documents.functions(document)}


def test_functions_with_an_endpoint_come_from_the_profile_beside_our_own() -> None:
    functions = offered()
    assert set(functions) == {"get_time", "set_light", "get_weather"}
    assert functions["get_weather"] == WEATHER
    assert "endpoint" not in functions["get_time"], "the handler of that name stands"


def test_a_session_may_narrow_them_too() -> None:
    assert set(offered(("get_weather", "set_light"))) == {"get_weather", "set_light"}
    assert set(offered(())) == set()
    with pytest.raises(InvalidRequest):
        offered(("handled_here",))
