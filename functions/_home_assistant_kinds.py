"""The sorts of things one asks for, and the names there are of each: learned when the file is loaded.

A model and the offline thinker read them as examples of a parameter; what a name means is decided at the call.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from agentd.functions import FunctionError
from functions._home_assistant_home import Kind, look
from functions._home_assistant_link import Link
from functions._home_assistant_names import words

PLUGS: Final = ("switch", "input_boolean", "humidifier")

LIGHT: Final = Kind("light", "light", frozenset({"light"}), words("light lamp bulb lighting"), guess=True)
DEVICE: Final = Kind("device", "device", frozenset({*PLUGS, "fan", "light"}), words("switch plug device"))
FAN: Final = Kind("fan", "fan", frozenset({"fan"}), words("fan"), guess=True)
THERMOSTAT: Final = Kind("thermostat", "thermostat", frozenset({"climate"}), words("thermostat heating heater radiator climate"))
BLINDS: Final = Kind("blinds", "blinds", frozenset({"cover"}), words("blind shutter shade curtain cover"))
PLAYER: Final = Kind("player", "player", frozenset({"media_player"}), words("player speaker music"), together=False, guess=True)
SCENE: Final = Kind("scene", "scene", frozenset({"scene"}), words("scene mode"), together=False)
SCRIPT: Final = Kind("script", "script", frozenset({"script"}), words("script routine"), together=False)
LIST: Final = Kind("list", "list_name", frozenset({"todo"}), words("list"), together=False, guess=True)
LOCK: Final = Kind("lock", "door", frozenset({"lock"}), words("lock door"), together=False)
GARAGE: Final = Kind("garage door", "door", frozenset({"cover"}), words("garage door gate"), together=False)
ALARM: Final = Kind("alarm system", "system", frozenset({"alarm_control_panel"}), words("alarm system"), together=False)
ANYTHING: Final = Kind("thing", "thing", frozenset(), guess=True)

# Filled in by `prepare`, so that models and the offline thinker know what there is by name.
LIGHTS: Final[list[str]] = []
DEVICES: Final[list[str]] = []
FANS: Final[list[str]] = []
THERMOSTATS: Final[list[str]] = []
COVERS: Final[list[str]] = []
PLAYERS: Final[list[str]] = []
SOURCES: Final[list[str]] = []
SCENES: Final[list[str]] = []
SCRIPTS: Final[list[str]] = []
LISTS: Final[list[str]] = []
LOCKS: Final[list[str]] = []
GARAGES: Final[list[str]] = []
ALARMS: Final[list[str]] = []
THINGS: Final[list[str]] = []
PLACES: Final[list[str]] = []
MEASURED: Final = ("temperature", "humidity")
"""Device classes of what is asked for by what it measures."""

MOST_NAMES: Final = 150
"""Of each list: what a model is told has a price."""

LightName = Annotated[str, Field(description="Name of one light; empty for all of the place", examples=LIGHTS, max_length=100)]
DeviceName = Annotated[str, Field(description="Name of the switch, plug or other device", examples=DEVICES, max_length=100)]
FanName = Annotated[str, Field(description="Name of one fan; empty for those of the place", examples=FANS, max_length=100)]
ThermostatName = Annotated[
    str, Field(description="Name of one thermostat; empty for those of the place", examples=THERMOSTATS, max_length=100)
]
CoverName = Annotated[
    str, Field(description="Name of the blinds, curtain or window; empty for all of the place", examples=COVERS, max_length=100)
]
PlayerName = Annotated[
    str, Field(description="Name of the player; empty for the one that plays", examples=PLAYERS, max_length=100)
]
ListName = Annotated[str, Field(description="Name of the list; empty if there is one", examples=LISTS, max_length=100)]
LockName = Annotated[str, Field(description="Name of the door or lock", examples=LOCKS, max_length=100)]
GarageName = Annotated[
    str, Field(description="Name of the garage door or gate; empty if there is one", examples=GARAGES, max_length=100)
]
AlarmName = Annotated[str, Field(description="Name of the alarm system; empty if there is one", examples=ALARMS, max_length=100)]
Place = Annotated[str, Field(description='Room, area or floor; "everywhere" for the whole home', examples=PLACES, max_length=100)]


async def prepare(config: Mapping[str, Any]) -> None:
    """Learn the names, when the file is loaded."""
    if "url" not in config:
        return
    link = await Link.open(config)
    try:
        home = await look(link, config)
    finally:
        await link.close()
    covers = home.movable("cover")
    for known, things in (
        (LIGHTS, home.movable("light")),
        (DEVICES, home.movable(*PLUGS)),
        (FANS, home.movable("fan")),
        (THERMOSTATS, home.movable("climate")),
        (COVERS, [thing for thing in covers if not thing.guarded]),
        (PLAYERS, home.movable("media_player")),
        (SCENES, home.movable("scene")),
        (SCRIPTS, home.movable("script")),
        (LISTS, home.movable("todo")),
        (LOCKS, home.movable("lock")),
        (GARAGES, [thing for thing in covers if thing.guarded]),
        (ALARMS, home.movable("alarm_control_panel")),
        (THINGS, home.things),
    ):
        known[:] = dict.fromkeys(name for thing in things for name in thing.names)
        del known[MOST_NAMES:]
    SOURCES[:] = sorted(
        {str(source) for thing in home.movable("media_player") for source in thing.attributes.get("source_list") or ()}
    )
    # "The temperature outside" is the Outside Temperature, and what is called like a room is asked for as the room.
    rooms = {name for area in home.areas for name in area.all_names}
    measured = {name for thing in home.things if thing.kind in MEASURED for name in thing.names}
    spots = {" ".join(word for word in name.split() if word.lower() not in MEASURED) for name in measured} - {""}
    PLACES[:] = ["everywhere", *sorted(rooms | spots)]
    THINGS[:] = [name for name in THINGS if name not in rooms | measured]
    for known in (SOURCES, PLACES):
        del known[MOST_NAMES:]
    if home.starting:
        raise FunctionError("Home Assistant is still starting; there may be more.")
