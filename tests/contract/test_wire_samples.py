"""Each message type as it stands on the wire, in both directions: read, typed, and written again as it was."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentd.protocol.codec import encode, parse_client, parse_server
from agentd.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES

WIRE = Path(__file__).parent / "wire"
SIDES = {"server": (parse_server, SERVER_MESSAGES), "client": (parse_client, CLIENT_MESSAGES)}


def _samples(key: str) -> list[Any]:
    return [
        pytest.param(path.parent.name, path.stem, sample, id=f"{path.parent.name}-{path.stem}-{index}")
        for path in sorted(WIRE.glob("*/*.json"))
        for index, sample in enumerate(json.loads(path.read_text()).get(key, []))
    ]


@pytest.mark.parametrize("side", SIDES)
def test_every_message_type_has_a_sample_and_every_sample_is_a_known_type(side: str) -> None:
    assert {path.stem for path in (WIRE / side).glob("*.json")} == set(SIDES[side][1])


@pytest.mark.parametrize(("side", "wire_type", "sample"), _samples("samples"))
def test_a_sample_is_read_as_its_type_and_goes_out_as_it_came(side: str, wire_type: str, sample: dict[str, Any]) -> None:
    parse, classes = SIDES[side]
    message = parse(json.dumps(sample))
    assert type(message) is classes[wire_type]
    assert orjson.loads(encode(message)) == sample
    assert next(iter(message.wire())) == "type"


@pytest.mark.parametrize(("side", "wire_type", "sample"), _samples("normalised"))
def test_a_sloppy_sample_is_read_as_its_type_and_goes_out_complete(side: str, wire_type: str, sample: dict[str, Any]) -> None:
    parse, classes = SIDES[side]
    message = parse(json.dumps(sample["received"], indent=4))
    assert type(message) is classes[wire_type]
    assert orjson.loads(encode(message)) == sample["sent"]
