"""A house with names of its own, as Home Assistant has it."""

from typing import Final

from agentd.functions.workers.generation import spec_of
from agentd.functions.workers.loader import load
from functions import _home_assistant_kinds as kinds
from tests.unit.engine.think.conftest import FUNCTIONS, Declaration

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
    (kinds.THINGS, ["Thermostat", "Kitchen Window", "Front Door", "Back Door", "Garage Door", "Washing Machine", "Letterbox"]),
    (kinds.PLACES, ["everywhere", "Kitchen", "Living Room", "Bedroom", "Bathroom", "Hallway", "Office", "Upstairs", "outside"]),
)
"""What a house is told to have when its functions are loaded."""

ALONE: Final = ("home", "lists", "mqtt")
"""What is off beside Home Assistant, which has these itself."""


def declared_house(shipped: list[Declaration]) -> list[Declaration]:
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
