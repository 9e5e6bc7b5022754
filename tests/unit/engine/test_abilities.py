"""What the engine says of a Settings document: refused, cut, or done with its own."""

from typing import Any

import pytest

from agentd.engine import abilities
from agentd.protocol.codec import ProtocolError
from agentd.protocol.messages import INFORMING, Message


def codes(**agent: Any) -> list[str]:
    """The codes of what is told about an agent."""
    return [warning.code for warning in abilities.mapped({"type": "Settings", "agent": agent})]


def listening(**provider: Any) -> dict[str, Any]:
    """The listen block with this provider."""
    return {"listen": {"provider": {"type": "deepgram", **provider}}}


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ({}, []),
        ({"speak": {}, "think": {}, "listen": {}}, []),
        (listening(model="moonshine-tiny-en"), []),
        (listening(model="nova-3"), ["LISTEN_MODEL_MAPPED"]),
        (listening(version="v2", model="flux-general-en"), ["LISTEN_MODEL_MAPPED"]),
        (listening(version="v2", model="flux-general-multi"), ["LISTEN_MODEL_MAPPED", "LANGUAGE_NOT_SUPPORTED"]),
        (listening(language="en-GB"), []),
        (listening(language="multi"), ["LANGUAGE_NOT_SUPPORTED"]),
        (listening(version="v2", language_hints=["en", "es"]), ["LANGUAGE_NOT_SUPPORTED"]),
        (listening(version="v2", language_hint="es"), ["LANGUAGE_NOT_SUPPORTED"]),
        ({"language": "en"}, []),
        ({"language": "de"}, ["LANGUAGE_NOT_SUPPORTED"]),
        ({"think": {"provider": {"type": "open_ai", "model": "matcher"}}}, []),
        ({"think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}}}, ["THINK_MODEL_MAPPED"]),
        ({"think": {"provider": {"model": "gpt-4o-mini"}, "endpoint": {"url": "http://127.0.0.1:1"}}}, []),
        (
            {"think": [{"provider": {"model": "x"}, "endpoint": {"url": "http://h"}}, {"provider": {"model": "y"}}]},
            ["THINK_MODEL_MAPPED"],
        ),
        ({"think_live": {"provider": {"type": "deepgram"}}}, ["THINK_LIVE_NOT_SUPPORTED"]),
        ({"think": {"functions": [{"name": "f", "initial_agent_filler": True}]}}, ["THINK_LIVE_NOT_SUPPORTED"]),
        ({"think": {"functions": [{"name": "f", "initial_agent_filler": False}]}}, []),
    ],
)
def test_what_the_engine_has_not_is_told_by_subject(agent: dict[str, Any], told: list[str]) -> None:
    assert codes(**agent) == told


def test_names_that_the_engine_has_not_are_no_errors_for_the_daemon() -> None:
    agent = listening(model="nova-3", language="de") | {"think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}}}
    assert set(codes(**agent)) <= INFORMING


def test_a_warning_names_what_was_asked_for_and_what_is_used() -> None:
    (warning,) = abilities.mapped({"agent": listening(model="nova-3")})
    assert "'nova-3'" in warning.description
    assert "moonshine-tiny-en" in warning.description


def test_a_name_of_any_length_makes_a_short_warning() -> None:
    (warning,) = abilities.mapped({"agent": listening(model="m" * 10_000)})
    assert len(warning.description) < 200


def test_each_subject_is_told_once() -> None:
    said: list[Message] = []
    told: set[str] = set()
    for model in ("nova-3", "nova-2", "nova-3"):
        abilities.tell_mapped({"agent": listening(model=model)}, told, said.append)
    abilities.tell_mapped({"agent": listening(model="nova-3", language="fr")}, told, said.append)
    assert [getattr(message, "code", None) for message in said] == ["LISTEN_MODEL_MAPPED", "LANGUAGE_NOT_SUPPORTED"]


@pytest.mark.parametrize(
    ("agent", "code"),
    [
        ("3c0b2b6e-6d2e-4a1f-9d43-0f3e1f6b8a11", "AGENT_ID_NOT_SUPPORTED"),
        ("my-agent", "INVALID_AGENT_ID"),
    ],
)
def test_a_reusable_configuration_is_refused_by_its_own_code(agent: str, code: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        abilities.faults({"type": "Settings", "agent": agent})
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("audio", "accepted"),
    [
        ({"input": {"encoding": "opus", "sample_rate": 48000}}, "linear16, mulaw, alaw"),
        ({"output": {"encoding": "mp3"}}, "linear16, mulaw, alaw"),
        ({"output": {"encoding": "linear16", "container": "ogg"}}, "none, wav"),
        ({"output": {"encoding": "linear16", "sample_rate": 96000}}, "8000 to 48000 Hz"),
    ],
)
def test_formats_that_the_engine_has_not_are_refused_with_those_it_has(audio: dict[str, Any], accepted: str) -> None:
    (fault,) = abilities.faults({"type": "Settings", "audio": audio, "agent": {}})
    assert accepted in fault.detail


def test_a_prompt_beyond_its_limit_is_cut_and_told_and_one_for_a_model_server_is_not() -> None:
    managed = {"provider": {"type": "open_ai", "model": "x"}, "prompt": "p" * 25_001}
    own = managed | {"endpoint": {"url": "http://127.0.0.1:1/"}}
    document, warnings = abilities.bounded({"agent": {"think": [managed, own]}})
    assert [len(block["prompt"]) for block in document["agent"]["think"]] == [25_000, 25_001]
    assert [warning.code for warning in warnings] == ["PROMPT_TOO_LONG"]
    assert abilities.bounded(document) == (document, [])
