"""Who is meant: names, nicknames, rooms, floors, what was misheard, and what is asked instead of guessed."""

from typing import Any

import orjson
import pytest

from tests.home_assistant.conftest import Start
from tests.support.handlers import Bench
from tests.support.home_assistant import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def told(bench: Bench, name: str, /, **arguments: Any) -> str:
    """What the agent says: the result, the error, or the question."""
    content = (await bench.call(name, **arguments)).content
    return str(orjson.loads(content)["say"]) if content.startswith("{") else content


async def test_a_light_is_called_in_many_ways(agentd: Start) -> None:
    bench = await agentd()
    for arguments, words in (
        ({"light": "reading lamp"}, "The Bed Light is off."),
        ({"light": "the bed lamp"}, "The Bed Light is off."),
        ({"light": "lamp"}, "The Lamp is off."),
        ({"light": "living room lamp"}, "The Lamp is off."),
        ({"light": "lamp", "place": "the lounge"}, "The Lamp is off."),
        ({"light": "kitchen light"}, "The Kitchen Lights are off."),
        ({"light": "bad light"}, "The Bed Light is off."),
        ({"place": "downstairs"}, "The Lamp and the Kitchen Lights are off."),
        ({"light": "Küchenlicht"}, "There is no light called Küchenlicht."),
        ({"light": "light"}, "Which light: "),
        ({}, "Which light: "),
        ({"place": "cellar"}, "There is no cellar. There are: "),
    ):
        assert (await told(bench, "switch_light", on=False, **arguments)).startswith(words), arguments


async def test_what_is_felt_is_never_moved_on_a_guess(agentd: Start, house: HomeAssistant) -> None:
    bench = await agentd()
    before = await house.state("cover.pergola_roof")
    assert await told(bench, "move_blinds", blinds="pergola rook", action="open") == "Do you mean the Pergola Roof?"
    assert await told(bench, "move_blinds", blinds="window", action="close") == (
        "Which blinds: Kitchen Window, Hall Window or Living Room Window?"
    )
    assert await house.state("cover.pergola_roof") == before


async def test_the_names_of_the_house_are_told_to_models_and_to_the_offline_thinker(agentd: Start) -> None:
    bench = await agentd(allow=["exposed", "cover.garage_door"])
    specs = bench.functions.registry.specs
    light = specs["switch_light"].parameters["properties"]
    assert {"Bed Light", "Reading lamp", "Kitchen Lights", "Lamp"} <= set(light["light"]["examples"])
    assert {"everywhere", "Kitchen", "Lounge", "Downstairs", "Outside"} <= set(light["place"]["examples"])
    assert specs["open_garage"].parameters["properties"]["door"]["examples"] == ["Garage Door"]
    assert "Garage Door" not in specs["move_blinds"].parameters["properties"]["blinds"]["examples"]


async def test_a_name_given_since_is_understood_at_once(agentd: Start, house: HomeAssistant) -> None:
    bench = await agentd()
    await house.command(type="config/entity_registry/update", entity_id="light.ceiling_lights", aliases=["Chandelier"])
    assert await told(bench, "switch_light", light="chandelier") == "The Ceiling Lights are on."
