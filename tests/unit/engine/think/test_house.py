"""A house with names of its own, as Home Assistant has it: what moves it, and what must not."""

from typing import Any, Final

import pytest

from agentd.functions.workers.generation import spec_of
from agentd.functions.workers.loader import load
from functions import _home_assistant_kinds as kinds
from tests.unit.engine.think.conftest import FUNCTIONS, Declaration, Made, MakeTalk

NAMES: Final = (
    (kinds.LIGHTS, ["Ceiling Light", "Reading Lamp", "Bed Lamp", "Desk Lamp", "Porch Light"]),
    (kinds.DEVICES, ["Coffee Machine", "Garden Pump", "Fairy Lights"]),
    (kinds.FANS, ["Ceiling Fan", "Bathroom Fan"]),
    (kinds.THERMOSTATS, ["Thermostat", "Air Conditioner"]),
    (kinds.COVERS, ["Kitchen Window", "Living Room Blinds", "Bedroom Curtains"]),
    (kinds.PLAYERS, ["Television", "Kitchen Speaker", "Radio"]),
    (kinds.SOURCES, ["HDMI 1", "Netflix"]),
    (kinds.SCENES, ["Movie Time", "Dinner", "Romantic"]),
    (kinds.SCRIPTS, ["Good Night", "Leaving Home"]),
    (kinds.LISTS, ["Shopping List", "Chores"]),
    (kinds.LOCKS, ["Front Door", "Back Door"]),
    (kinds.GARAGES, ["Garage Door"]),
    (kinds.ALARMS, ["Alarm System"]),
    (kinds.THINGS, ["Kitchen Window", "Front Door", "Back Door", "Garage Door", "Washing Machine", "Letterbox"]),
    (kinds.PLACES, ["everywhere", "Kitchen", "Living Room", "Bedroom", "Bathroom", "Hallway", "Office", "outside"]),
)
"""What a house is told to have when its functions are loaded."""

ALONE: Final = ("home", "lists", "mqtt")
"""What is off beside Home Assistant, which has these itself."""


@pytest.fixture(scope="session")
def house(shipped: list[Declaration]) -> list[Declaration]:
    """What ships, with Home Assistant in the place of the simulated home."""
    path = FUNCTIONS / "home_assistant.py"
    for known, names in NAMES:
        known[:] = names
    loaded = load(path, path.read_bytes().replace(b'("url",)', b"()"), {})
    for known, _ in NAMES:
        known.clear()
    assert not loaded.faults
    others = [name for other in ALONE for name in _offered(other)]
    home = [spec_of(path, handler.describe()).declaration() for handler in loaded.handlers.values()]
    return [*home, *(declaration for declaration in shipped if declaration["name"] not in others)]


def _offered(name: str) -> list[str]:
    source = (FUNCTIONS / f"{name}.py").read_text()
    return [line.split("def ")[1].split("(")[0] for line in source.splitlines() if line.startswith("async def ")]


def call(name: str, **arguments: Any) -> Made:
    return name, arguments


def light(place: str = "", /, **given: Any) -> Made:
    return call("switch_light", **({"place": place} if place else {}), **given)


CALLS: list[tuple[str, list[Made]]] = [
    ("turn on the fairy lights", [call("switch_device", device="Fairy Lights", on=True)]),
    ("would you mind turning on the desk lamp", [light(light="Desk Lamp", on=True)]),
    ("would you mind switching off the lights in the office", [light("Office", on=False)]),
    ("could you maybe possibly turn on the kitchen light", [light("Kitchen", on=True)]),
    ("turn on the kitchen light sorry i mean the bathroom light", [light("Bathroom", on=True)]),
    ("switch off the desk lamp no the fan in the bathroom", [call("switch_fan", place="Bathroom", on=False)]),
    ("switch on the desk lamp no the fan in the bathroom", [call("switch_fan", place="Bathroom", on=True)]),
    (
        "set the kitchen light to red and the bedroom light to blue",
        [light("Kitchen", color="red"), light("Bedroom", color="blue")],
    ),
]


@pytest.mark.parametrize(("said", "calls"), CALLS)
def test_a_house_does_what_it_is_told(talk: MakeTalk, house: list[Declaration], said: str, calls: list[Made]) -> None:
    assert talk(house).calls(said) == calls


NOTHING = [
    "turn off the lights in ten minutes",
    "turn on the lights at seven",
    "turn on the kitchen light tomorrow morning",
    "turn on the kitchen light later",
    "turn on the light except in the bedroom",
    "turn off all the lights except the kitchen",
    "turn off everything but the kitchen light",
    "turn on the kitchen light but don't open the blinds",
    "would you mind not turning on the light",
    "open the blinds no don't",
    "turn off the office lights no leave them",
    "turn on the light no",
]


@pytest.mark.parametrize("said", NOTHING)
def test_what_is_put_off_taken_back_or_excepted_is_not_done(talk: MakeTalk, house: list[Declaration], said: str) -> None:
    assert talk(house).calls(said) == []
