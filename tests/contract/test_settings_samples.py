"""Settings that real clients send are accepted as they are, also after they went through the merge."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from agentd.protocol import settings
from agentd.protocol.messages import Settings, SettingsApplied
from agentd.protocol.server import ServerPhase, ServerProtocol

SAMPLES = {
    path.stem: json.loads(path.read_text())["settings"] for path in sorted((Path(__file__).parent / "settings").glob("*.json"))
}
each_sample = pytest.mark.parametrize("document", SAMPLES.values(), ids=SAMPLES)


@each_sample
def test_settings_of_a_real_client_have_no_fault(document: dict[str, Any]) -> None:
    assert settings.validate(document) == []
    assert settings.encoding_faults(document) == []


@each_sample
def test_settings_of_a_real_client_are_still_good_once_resolved_with_a_profile(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    profile = {"agent": {"think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}}}}
    functions = [{"name": "set_light", "parameters": {"type": "object", "properties": {}}}]
    resolved = settings.resolve(profile, document, prompt="You run a house.", greeting="Hello.", functions=functions)
    assert settings.validate(resolved) == []
    assert resolved["audio"]["input"].keys() >= {"encoding", "sample_rate"}
    assert resolved["audio"]["output"].keys() >= {"encoding", "sample_rate", "container"}
    assert document == before
    if settings.agent_id(document) is None:
        assert settings.functions(resolved) == functions
        assert {block["prompt"] for block in settings.think_blocks(resolved)} == {"You run a house."}


@each_sample
def test_a_server_takes_the_settings_of_a_real_client_pretty_printed_and_before_welcome(document: dict[str, Any]) -> None:
    server = ServerProtocol()
    message = server.receive(json.dumps(document, indent=4))
    assert isinstance(message, Settings)
    assert message.wire() == document
    assert server.phase is ServerPhase.READY
    server.send(server.welcome("r"))
    assert server.send(SettingsApplied()) == b'{"type":"SettingsApplied"}'
