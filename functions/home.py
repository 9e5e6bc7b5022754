"""A simulated home to talk to: lights, heating and blinds in six rooms.

Copy it and put your own calls where the values are stored. Each thing has a key of its own in the store, because
two calls may run at the same time.
"""

from collections import Counter
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from agentd.functions import CallContext, function

Room = Literal["living room", "kitchen", "bedroom", "bathroom", "hallway", "office"]
Place = Literal[Room, "everywhere"]
Light = Literal["lights", "ceiling light", "lamp"]
Position = Literal["open", "half open", "closed"]

ROOMS: tuple[str, ...] = get_args(Room)
LIGHTS = ("ceiling light", "lamp")
THINGS = {"lights": LIGHTS, "heating": ("heating",), "blinds": ("blinds",)}

RoomOrAll = Annotated[Place, Field(description='The room, or "everywhere" for the whole home')]


@function(tier="low", examples=["Turn on the living room lamp.", "Dim the bedroom lights to 30 percent.", "Kitchen lights off."])
async def set_light(
    ctx: CallContext,
    room: RoomOrAll,
    *,
    on: Annotated[bool, Field(description="true switches on, false switches off")] = True,
    light: Annotated[Light, Field(description="Which light; lights means all of the room")] = "lights",
    brightness: Annotated[int | None, Field(description="Brightness in percent", ge=1, le=100)] = None,
) -> str:
    """Turn lights on or off, or dim them."""
    level = (brightness or 100) if on else 0
    meant = LIGHTS if light == "lights" else (light,)
    await ctx.store.update({f"light/{where}/{which}": level for where in rooms(room) for which in meant})
    what = "off" if level == 0 else "on" if brightness is None else f"at {level} percent"
    return done(room, light, what)


@function(tier="medium", examples=["Set the bedroom heating to 21 degrees.", "Make the office nineteen and a half degrees."])
async def set_heating(
    ctx: CallContext,
    room: RoomOrAll,
    temperature: Annotated[float, Field(description="Target temperature in degrees Celsius", ge=5, le=30)],
) -> str:
    """Set the heating of a room to a temperature."""
    await ctx.store.update({f"heating/{where}": temperature for where in rooms(room)})
    return done(room, "heating", f"set to {temperature:g} degrees")


@function(tier="medium", examples=["Close the blinds in the living room.", "Open all the blinds."])
async def set_blinds(
    ctx: CallContext,
    room: RoomOrAll,
    position: Annotated[Position, Field(description="open, half open or closed")],
) -> str:
    """Open or close the blinds of a room."""
    await ctx.store.update({f"blinds/{where}": position for where in rooms(room)})
    return done(room, "blinds", position)


@function(tier="read", examples=["Is the kitchen light on?", "What is the state of the bedroom?"])
async def get_home_state(
    ctx: CallContext,
    room: RoomOrAll = "everywhere",
    device: Annotated[
        Literal["everything", "lights", "heating", "blinds"], Field(description="What to tell about")
    ] = "everything",
) -> str:
    """Tell the state of lights, heating and blinds."""
    stored = await ctx.store.items()
    things = [thing for kind, things in THINGS.items() if device in {"everything", kind} for thing in things]
    if room == "everywhere":
        return " ".join(across_rooms(thing, {where: state(stored, thing, where) for where in ROOMS}) for thing in things)
    return sentence(f"in the {room}, " + listed([f"the {thing} {verb(thing)} {state(stored, thing, room)}" for thing in things]))


def rooms(room: Place) -> tuple[str, ...]:
    """The rooms that are meant."""
    return ROOMS if room == "everywhere" else (room,)


def done(room: Place, thing: str, what: str) -> str:
    """What is told after an act: The kitchen lamp is on. The blinds are closed everywhere."""
    where = f"the {room} {thing}" if room != "everywhere" else f"the {thing}"
    return sentence(f"{where} {verb(thing)} {what}{' everywhere' if room == 'everywhere' else ''}")


def state(stored: dict[str, Any], thing: str, room: str) -> str:
    """How one thing is: off, on, on at 40 percent, set to 21.5 degrees, half open."""
    if thing == "heating":
        return f"set to {stored.get(f'heating/{room}', 20):g} degrees"
    if thing == "blinds":
        return str(stored.get(f"blinds/{room}", "open"))
    level = stored.get(f"light/{room}/{thing}", 0)
    return {0: "off", 100: "on"}.get(level, f"on at {level} percent")


def across_rooms(thing: str, states: dict[str, str]) -> str:
    """One thing in all rooms, told by what differs: The blinds are closed in the office and open everywhere else."""
    usual, _ = Counter(states.values()).most_common(1)[0]
    others = [f"{what} in the {room}" for room, what in states.items() if what != usual]
    return sentence(f"the {thing} {verb(thing)} {listed([*others, usual])} everywhere{' else' if others else ''}")


def verb(thing: str) -> str:
    """The lamp is, the blinds are."""
    return "are" if thing in {"lights", "blinds"} else "is"


def listed(parts: list[str]) -> str:
    """Parts joined as one says them: a, b and c."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def sentence(words: str) -> str:
    """A capital and a full stop."""
    return f"{words[0].upper()}{words[1:]}."
