"""A simulated home to talk to: lights, heating and blinds in six rooms.

Copy it and put your own calls where the values are stored. Each thing has a key of its own in the store, because
two calls may run at the same time.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from agentd.functions import CallContext, function

Room = Literal["living room", "kitchen", "bedroom", "bathroom", "hallway", "office"]
Place = Literal[Room, "everywhere"]
Light = Literal["lights", "ceiling light", "lamp"]
Position = Literal["open", "half open", "closed"]

ROOMS: tuple[str, ...] = get_args(Room)
LIGHTS = ("ceiling light", "lamp")

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
    state = "off" if level == 0 else "on" if brightness is None else f"at {level} percent"
    return sentence(place(room, light), state, plural=light == "lights" or room == "everywhere")


@function(tier="medium", examples=["Set the bedroom heating to 21 degrees.", "Make the office nineteen and a half degrees."])
async def set_heating(
    ctx: CallContext,
    room: RoomOrAll,
    temperature: Annotated[float, Field(description="Target temperature in degrees Celsius", ge=5, le=30)],
) -> str:
    """Set the heating of a room to a temperature."""
    await ctx.store.update({f"heating/{where}": temperature for where in rooms(room)})
    return sentence(place(room, "heating"), f"set to {temperature:g} degrees")


@function(tier="medium", examples=["Close the blinds in the living room.", "Open all the blinds."])
async def set_blinds(
    ctx: CallContext,
    room: RoomOrAll,
    position: Annotated[Position, Field(description="open, half open or closed")],
) -> str:
    """Open or close the blinds of a room."""
    await ctx.store.update({f"blinds/{where}": position for where in rooms(room)})
    return sentence(place(room, "blinds"), position, plural=True)


@function(tier="read", examples=["Is the kitchen light on?", "What is the state of the bedroom?"])
async def get_home_state(
    ctx: CallContext,
    room: RoomOrAll = "everywhere",
    device: Annotated[
        Literal["everything", "lights", "heating", "blinds"], Field(description="What to tell about")
    ] = "everything",
) -> str:
    """Tell the state of lights, heating and blinds."""
    state = await ctx.store.items()
    asked = ("lights", "heating", "blinds") if device == "everything" else (device,)
    if room != "everywhere":
        return sentence(f"In the {room},", ", ".join(describe(state, room, kind) for kind in asked), verb="")
    return " ".join(
        sentence(f"In the {where},", ", ".join(describe(state, where, kind) for kind in asked), verb="") for where in ROOMS
    )


def rooms(room: Place) -> tuple[str, ...]:
    """The rooms that are meant."""
    return ROOMS if room == "everywhere" else (room,)


def place(room: Place, thing: str) -> str:
    """The thing as one says it: "the kitchen lamp", "the lamp everywhere"."""
    return f"the {thing} everywhere" if room == "everywhere" else f"the {room} {thing}"


def describe(state: dict[str, Any], room: str, kind: str) -> str:
    """One part of a room's state: "the lamp is on and the ceiling light is off"."""
    if kind == "heating":
        return f"the heating is set to {state.get(f'heating/{room}', 20):g} degrees"
    if kind == "blinds":
        return f"the blinds are {state.get(f'blinds/{room}', 'open')}"
    levels = {which: state.get(f"light/{room}/{which}", 0) for which in LIGHTS}
    return " and ".join(f"the {which} is {spoken_level(level)}" for which, level in levels.items())


def spoken_level(level: int) -> str:
    """0 is off, 100 is on, anything between is said in percent."""
    return {0: "off", 100: "on"}.get(level, f"on at {level} percent")


def sentence(subject: str, state: str, *, plural: bool = False, verb: str | None = None) -> str:
    """One sentence to be spoken, with a capital and a full stop."""
    if verb is None:
        verb = "are" if plural else "is"
    words = " ".join(part for part in (subject, verb, state) if part)
    return f"{words[0].upper()}{words[1:]}."
