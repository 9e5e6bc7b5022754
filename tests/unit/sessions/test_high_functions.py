"""Which functions of tier high an agent is offered, and what its profile says of it."""

from typing import Any

import pytest

from agentd.config import Settings
from agentd.errors import InvalidRequest
from agentd.functions.registry import FunctionSpec, Registry
from agentd.sessions.profiles import Profiles


def spec(name: str, tier: str) -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, tier, 10.0, "a.py")  # type: ignore[arg-type] # a plain str stands for the literal


REGISTRY = Registry({name: spec(name, tier) for name, tier in (("lock", "low"), ("unlock", "high"), ("buy", "high"))})


def profiles(**agent: Any) -> Profiles:
    return Profiles(Settings.model_validate({"default_agent": "a", "agents": {"a": agent}, "deepgram": {"api_key": "k"}}))


def offered(made: Profiles, narrowed: tuple[str, ...] | None = None) -> list[str]:
    return [spec.name for spec in made.functions(made.get("a")[1], REGISTRY, narrowed)]


@pytest.mark.parametrize(
    ("agent", "names"),
    [
        ({}, ["lock"]),
        ({"functions": ["lock", "unlock"]}, ["lock"]),
        ({"allow_high": ["unlock"]}, ["lock", "unlock"]),
        ({"unconfirmed_high": ["unlock"]}, ["lock"]),
        ({"functions": ["lock"], "allow_high": ["unlock"]}, ["lock"]),
        ({"functions": ["buy", "unlock"], "allow_high": ["unlock"]}, ["unlock"]),
    ],
)
def test_high_is_offered_only_where_it_is_allowed_by_name(agent: dict[str, Any], names: list[str]) -> None:
    assert offered(profiles(**agent)) == names


def test_a_session_cannot_be_narrowed_to_more() -> None:
    with pytest.raises(InvalidRequest, match="may only narrow"):
        offered(profiles(functions=["lock", "unlock"]), ("unlock",))


def test_the_profile_says_what_is_withheld() -> None:
    view = profiles(functions=["lock", "unlock", "gone"]).view("a", REGISTRY)
    assert (view["functions"], view["withheld_functions"], view["missing_functions"]) == (["lock"], ["unlock"], ["gone"])


def test_an_agent_that_is_not_there_has_the_least_rights() -> None:
    made = profiles(allow_high=["unlock"])
    assert made.policy("a").offers(REGISTRY.specs["unlock"])
    for name in ("b", "", None):
        assert not made.policy(name).offers(REGISTRY.specs["unlock"])
