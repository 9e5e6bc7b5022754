"""Lights, heating, blinds, music, scenes, lists and doors of a real home, through Home Assistant.

    [functions.home_assistant]
    url = "http://homeassistant.local:8123"
    token = { credential = "home-assistant" }    # a long-lived access token, kept in a file of its own
    allow = ["exposed", "lock.front_door"]       # default: what Home Assistant exposes to its voice assistants

    [functions.home]
    enabled = false                              # the simulated home

``allow`` takes "exposed", entities with wildcards ("light.*"), and areas ("area:kitchen"). Locks, alarm systems, garage
doors and gates are moved only where an entry names them (docs/home-assistant.md). An alarm system or a lock that wants a
code gets ``code = { credential = "door-code" }``; ``ca_file`` is for a certificate of one's own making.

An act succeeds when Home Assistant tells that the state has changed, not when it has taken the order.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from agentd.functions import AskUser, CallContext, FunctionError, function
from functions._home_assistant import Visit, being, having, visit
from functions._home_assistant_home import Thing
from functions._home_assistant_kinds import (  # noqa: F401
    ALARM,
    ANYTHING,
    BLINDS,
    DEVICE,
    FAN,
    GARAGE,
    LIGHT,
    LIST,
    LOCK,
    PLAYER,
    SCENE,
    SCENES,
    SCRIPT,
    SCRIPTS,
    SOURCES,
    THERMOSTAT,
    THINGS,
    AlarmName,
    CoverName,
    DeviceName,
    FanName,
    GarageName,
    LightName,
    ListName,
    LockName,
    Place,
    PlayerName,
    ThermostatName,
    prepare,
)
from functions._home_assistant_link import Service, State
from functions._home_assistant_names import some, words
from functions._home_assistant_scripts import require_harmless
from functions._home_assistant_words import sentence, states_of

REQUIRES: Final = ("url",)

SORTS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "temperature": (frozenset(), frozenset({"temperature"})),
    "humidity": (frozenset(), frozenset({"humidity"})),
    "lights": (frozenset({"light"}), frozenset()),
    "windows": (frozenset(), frozenset({"window"})),
    "doors": (frozenset({"lock"}), frozenset({"door", "garage", "garage_door", "gate", "lock"})),
    "blinds": (frozenset({"cover"}), frozenset()),
    "heating": (frozenset({"climate"}), frozenset()),
    "music": (frozenset({"media_player"}), frozenset()),
}
"""Of what is asked for: the domains, and the device classes of any domain."""

Color = Literal[
    "red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "warm white", "neutral white", "cool white"
]
WHITES: Final = {"warm white": 2700, "neutral white": 4000, "cool white": 6000}
"""Colour temperatures in kelvin."""

Mode = Literal["heating mode", "cooling mode", "automatic", "drying mode", "off"]
MODES: Final[Mapping[str, tuple[str, ...]]] = {
    "heating mode": ("heat",),
    "cooling mode": ("cool",),
    "automatic": ("auto", "heat_cool"),
    "drying mode": ("dry",),
    "off": ("off",),
}
"""What Home Assistant calls them; the first that a thermostat knows is meant."""


@function(
    tier="low",
    examples=[
        "Turn on the lights in the kitchen.",
        "Dim the bed lamp to 30 percent.",
        "Make the lights blue.",
        "Lights off.",
    ],
)
async def switch_light(
    ctx: CallContext,
    light: LightName = "",
    place: Place = "",
    *,
    on: Annotated[bool, Field(description="true switches on, false switches off")] = True,
    brightness: Annotated[int | None, Field(description="Brightness in percent", ge=1, le=100)] = None,
    color: Annotated[Color | None, Field(description="Colour")] = None,
) -> str:
    """Turn lights on or off, dim them, or give them a colour."""
    home = await visit(ctx.config)
    lights = _lights(home, light, place)
    tint = {"color_temp_kelvin": WHITES[color]} if color in WHITES else {"color_name": color}
    asked = {"brightness_pct": brightness, **tint} if on and lights[0].domain == "light" else {}
    data = {name: value for name, value in asked.items() if value is not None}
    level = f"at {brightness} percent" if brightness else "on"
    what = "off" if not on else f"{color} and {level}" if color and brightness else color or level
    return await home.act(
        lights,
        f"{lights[0].domain}.turn_{'on' if on else 'off'}",
        data,
        reached=lambda now, _: _lit(now, data, on=on),
        what=what,
    )


def _lights(home: Visit, light: str, place: str) -> list[Thing]:
    """The lights that are meant; a plug that is called a light is one too, and no other: they are felt (tier medium)."""
    try:
        return home.find(LIGHT, light, place)
    except FunctionError:
        wanted = words(light) if words(light) & LIGHT.words else None
        plugs = [thing for thing in home.home.movable("switch") if any(wanted == words(name) for name in thing.names)]
        if not plugs or not light:
            raise
        return plugs


def _lit(state: State, asked: Mapping[str, Any], *, on: bool) -> bool:
    """Whether a light is as asked. How a colour comes out depends on the lamp, so only the brightness is compared."""
    if state.value != ("on" if on else "off"):
        return False
    brightness = state.attributes.get("brightness")
    return brightness is None or "brightness_pct" not in asked or abs(brightness / 2.55 - asked["brightness_pct"]) < 2


@function(tier="medium", examples=["Turn on the espresso maker.", "Switch off the pump in the garden."])
async def switch_device(
    ctx: CallContext,
    device: DeviceName,
    place: Place = "",
    *,
    on: Annotated[bool, Field(description="true switches on, false switches off")],
) -> str:
    """Turn a switch, a plug or another device on or off."""
    home = await visit(ctx.config)
    state = "on" if on else "off"
    return await home.act(home.find(DEVICE, device, place), f"homeassistant.turn_{state}", reached=being(state), what=state)


@function(tier="low", examples=["Turn on the fan.", "Set the fan to 50 percent."])
async def switch_fan(
    ctx: CallContext,
    fan: FanName = "",
    place: Place = "",
    *,
    on: Annotated[bool, Field(description="true switches on, false switches off")] = True,
    percent: Annotated[int | None, Field(description="Speed in percent", ge=1, le=100)] = None,
) -> str:
    """Turn a fan on or off, or set its speed."""
    home = await visit(ctx.config)
    state = "on" if on else "off"
    speed = {"percentage": percent} if on and percent else {}
    what = f"at {percent} percent" if speed else state
    return await home.act(home.find(FAN, fan, place), f"fan.turn_{state}", speed, reached=being(state), what=what)


@function(
    tier="medium",
    examples=[
        "Set the living room to 21 degrees.",
        "Make the heating nineteen and a half degrees.",
        "Turn off the heating.",
        "Heat the bedroom to 20 degrees.",
    ],
)
async def set_thermostat(
    ctx: CallContext,
    temperature: Annotated[float | None, Field(description="Target temperature in degrees", ge=5, le=90)] = None,
    mode: Annotated[Mode | None, Field(description="What it does; empty for no change")] = None,
    thermostat: ThermostatName = "",
    place: Place = "",
) -> str:
    """Set the temperature of the heating or the air conditioning, or what it does."""
    home = await visit(ctx.config)
    found = home.find(THERMOSTAT, thermostat, place)
    if mode is None and temperature is None:
        raise AskUser("To how many degrees?", argument="temperature")
    if mode is None:
        return await home.act(
            found,
            "climate.set_temperature",
            {"temperature": temperature},
            reached=having("temperature", temperature),
            what=f"set to {temperature:g} degrees",
        )
    known = set.intersection(*(set(thing.attributes.get("hvac_modes") or ()) for thing in found))
    chosen = next((name for name in MODES[mode] if name in known), None)
    if chosen is None:
        raise FunctionError(f"The {found[0].name} knows only: {some(sorted(known), last='and')}.")
    if temperature is None or chosen == "off":
        return await home.act(found, "climate.set_hvac_mode", {"hvac_mode": chosen}, reached=being(chosen), what=f"set to {mode}")
    warm = having("temperature", temperature)
    return await home.act(
        found,
        "climate.set_temperature",
        {"temperature": temperature, "hvac_mode": chosen},
        reached=lambda now, was: now.value == chosen and warm(now, was),
        what=f"set to {mode} at {temperature:g} degrees",
    )


@function(
    tier="medium",
    examples=[
        "Close the blinds in the bedroom.",
        "Open the curtains.",
        "Set the kitchen blinds to 50 percent.",
        "Stop the blinds.",
    ],
)
async def move_blinds(
    ctx: CallContext,
    blinds: CoverName = "",
    place: Place = "",
    *,
    action: Annotated[Literal["open", "close", "stop"] | None, Field(description="What they do")] = None,
    position: Annotated[int | None, Field(description="How far open, in percent", ge=0, le=100)] = None,
) -> str:
    """Open, close or stop blinds, shutters, curtains, shades or windows."""
    home = await visit(ctx.config)
    found = home.home.find(BLINDS, blinds, place, things=[thing for thing in home.home.movable("cover") if not thing.guarded])
    if position is not None and action != "stop":
        return await home.act(
            found,
            "cover.set_cover_position",
            {"position": position},
            reached=lambda now, was: _moves(now, was, position),
            what=f"going to {position} percent",
        )
    if action is None:
        raise AskUser("Open or close?", argument="action")
    return await _move_covers(home, found, action)


def _moves(now: State, was: Thing, position: int) -> bool:
    """Whether blinds are on their way: not all of them tell that they are opening or closing."""
    there = now.attributes.get("current_position")
    return there == position or now.value in {"opening", "closing"} or there != was.attributes.get("current_position")


async def _move_covers(home: Visit, covers: Sequence[Thing], action: str) -> str:
    """What moves is on its way: Home Assistant tells "closing" at once and "closed" much later."""
    states = {"open": {"open", "opening"}, "close": {"closed", "closing"}, "stop": {"open", "closed"}}[action]
    what = {"open": "opening", "close": "closing", "stop": "stopped"}[action]
    return await home.act(covers, f"cover.{action}_cover", reached=being(*states), what=what)


@function(tier="low", examples=["Pause the music.", "Skip this song.", "Stop the music in the kitchen.", "Mute the music."])
async def control_music(
    ctx: CallContext,
    action: Annotated[
        Literal["play", "pause", "stop", "next", "skip", "previous", "mute", "unmute"], Field(description="What the player does")
    ],
    player: PlayerName = "",
    place: Place = "",
) -> str:
    """Play, pause, stop or skip the music or film on a player or speaker, or mute it."""
    home = await visit(ctx.config)
    players = _players(home, player, place)
    if action in {"mute", "unmute"}:
        muted = action == "mute"
        return await home.act(
            players,
            "media_player.volume_mute",
            {"is_volume_muted": muted},
            reached=having("is_volume_muted", muted),
            what="muted" if muted else "no longer muted",
        )
    service, states, what = {
        "play": ("media_play", {"playing", "buffering"}, "playing"),
        "pause": ("media_pause", {"paused"}, "paused"),
        "stop": ("media_stop", {"idle", "off", "standby", "paused"}, "stopped"),
        "next": ("media_next_track", set(), "at the next one"),
        "skip": ("media_next_track", set(), "at the next one"),
        "previous": ("media_previous_track", set(), "at the one before"),
    }[action]
    return await home.act(players, f"media_player.{service}", reached=lambda now, _: not states or now.value in states, what=what)


@function(
    tier="low",
    examples=[
        "Set the volume to 30 percent.",
        "Set the volume in the kitchen to 20 percent.",
        "Turn the music down to ten percent.",
    ],
)
async def set_volume(
    ctx: CallContext,
    percent: Annotated[int, Field(description="Volume in percent", ge=0, le=100)],
    player: PlayerName = "",
    place: Place = "",
) -> str:
    """Set the volume of the music or film on a player."""
    home = await visit(ctx.config)
    return await home.act(
        _players(home, player, place),
        "media_player.volume_set",
        {"volume_level": percent / 100},
        reached=having("volume_level", percent / 100),
        what=f"at {percent} percent",
    )


@function(tier="low", examples=["Switch the television to HDMI 1."])
async def choose_source(
    ctx: CallContext,
    source: Annotated[str, Field(description="Input, station or playlist", examples=SOURCES, max_length=100)],
    player: PlayerName = "",
    place: Place = "",
) -> str:
    """Choose the source a player plays from."""
    home = await visit(ctx.config)
    players = _players(home, player, place, having="source_list")
    sources = [str(known) for known in players[0].attributes.get("source_list", ())]
    chosen = next((known for known in sources if words(known) == words(source)), None)
    if chosen is None:
        raise FunctionError(f"The {players[0].name} has no source {source}. There are: {some(sources)}.")
    return await home.act(
        players,
        "media_player.select_source",
        {"source": chosen},
        reached=having("source", chosen),
        what=f"set to {chosen}",
    )


def _players(home: Visit, player: str, place: str, *, having: str = "") -> list[Thing]:
    """The player that is meant: the one that plays, where none is named."""
    known = [thing for thing in home.home.movable("media_player") if not having or thing.attributes.get(having)]
    playing = [thing for thing in known if thing.state in {"playing", "paused"}]
    if not player and not place and len(playing) == 1:
        return playing
    return home.home.find(PLAYER, player, place, things=known)


@function(tier="medium", examples=["Activate the dinner scene.", "Start the dinner scene."])
async def activate_scene(
    ctx: CallContext, scene: Annotated[str, Field(description="Name of the scene", examples=SCENES, max_length=100)]
) -> str:
    """Activate a scene."""
    home = await visit(ctx.config)
    (found,) = home.find(SCENE, scene)
    return await home.act([found], "scene.turn_on", reached=lambda now, was: now.value != was.state, what="active")


@function(tier="medium", examples=["Run the good night routine."])
async def run_script(
    ctx: CallContext,
    script: Annotated[str, Field(description="Name of the script or routine", examples=SCRIPTS, max_length=100)],
) -> str:
    """Run a script, which some call a routine."""
    home = await visit(ctx.config)
    (found,) = home.find(SCRIPT, script)
    if not found.chosen:
        await require_harmless(home.link, found, home.home.guards)
    return await home.act(
        [found],
        "script.turn_on",
        reached=lambda now, was: now.attributes.get("last_triggered") != was.attributes.get("last_triggered"),
        what="started",
    )


@function(tier="low", examples=["Add saffron to the shopping list.", "Put truffles on the shopping list."])
async def add_household_item(
    ctx: CallContext,
    item: Annotated[str, Field(description="What to add", min_length=1, max_length=200)],
    list_name: ListName = "",
) -> str:
    """Add something to a shopping or to-do list."""
    home = await visit(ctx.config)
    (found,) = home.find(LIST, list_name)
    await home.link.ask(Service("todo", "add_item", [found.id], {"item": item}).command())
    if item not in [entry["summary"] for entry in await _items(home, found)]:
        return f"I told Home Assistant, but {item} is not on the {found.name} yet."
    return sentence(f"{item} is on the {found.name}")


@function(tier="read", examples=["What is on the shopping list?", "Read me the shopping list."])
async def get_household_list(ctx: CallContext, list_name: ListName = "") -> str:
    """Tell what is on a shopping or to-do list."""
    home = await visit(ctx.config)
    (found,) = home.home.find(LIST, list_name, "", things=[thing for thing in home.home.things if thing.domain == "todo"])
    left = [entry["summary"] for entry in await _items(home, found) if entry["status"] == "needs_action"]
    return f"There is nothing on the {found.name}." if not left else f"On the {found.name}: {', '.join(left)}."


@function(tier="low", examples=["Take saffron off the shopping list.", "Check off truffles on the shopping list."])
async def finish_household_item(
    ctx: CallContext,
    item: Annotated[str, Field(description="What is done", min_length=1, max_length=200)],
    list_name: ListName = "",
) -> str:
    """Check something off a shopping or to-do list."""
    home = await visit(ctx.config)
    (found,) = home.find(LIST, list_name)
    left = [entry["summary"] for entry in await _items(home, found) if entry["status"] == "needs_action"]
    meant = next((entry for entry in left if words(entry) <= words(item)), None)
    if meant is None:
        raise FunctionError(f"There is no {item} on the {found.name}.")
    await home.link.ask(Service("todo", "update_item", [found.id], {"item": meant, "status": "completed"}).command())
    return sentence(f"{meant} is off the {found.name}")


async def _items(home: Visit, todo: Thing) -> list[dict[str, Any]]:
    (answer,) = await home.link.ask(Service("todo", "get_items", [todo.id]).command(answers=True))
    items: list[dict[str, Any]] = answer["response"][todo.id]["items"]
    return items


@function(
    tier="read",
    examples=[
        "Is the kitchen window open?",
        "What is the temperature outside?",
        "Is the front door locked?",
        "Are the lights on?",
    ],
)
async def get_device_state(
    ctx: CallContext,
    thing: Annotated[str, Field(description="Name of a device, door, window or sensor", examples=THINGS, max_length=100)] = "",
    place: Place = "",
    what: Annotated[
        Literal["temperature", "humidity", "lights", "windows", "doors", "blinds", "heating", "music"] | None,
        Field(description="What to tell about"),
    ] = None,
) -> str:
    """Tell the state of a device, a door, a window or a sensor, or all of a sort in a room."""
    home = await visit(ctx.config)
    if thing:
        found = home.home.find(ANYTHING, thing, place, things=home.home.things)
    elif what or place:
        found = _sort(home, what, place)
    else:
        raise AskUser("Of what?", argument="thing")
    return states_of(found)


def _sort(home: Visit, what: str | None, place: str) -> list[Thing]:
    """All of a sort in a place; "outside" is no area, and found in the names."""
    domains, kinds = SORTS[what] if what else (frozenset[str](), frozenset[str]())
    of_sort = [thing for thing in home.home.things if what is None or thing.domain in domains or thing.kind in kinds]
    named = [thing for thing in of_sort if place and any(words(place) <= words(name) for name in thing.names)]
    try:
        areas = home.home.within(place)
    except FunctionError:
        if not named:
            raise
        return named
    inside = of_sort if areas is None else [thing for thing in of_sort if thing.area in areas]
    if not (inside or named):
        raise FunctionError(f"I know of no {what or 'device'}{f' in {place}' if place else ''}.")
    return inside or named


@function(tier="low", examples=["Lock the front door."])
async def lock_door(ctx: CallContext, door: LockName = "") -> str:
    """Lock a door."""
    home = await visit(ctx.config)
    return await home.act(home.find(LOCK, door), "lock.lock", _code(ctx), reached=being("locked"), what="locked")


@function(tier="high", examples=["Unlock the front door."])
async def unlock_door(ctx: CallContext, door: LockName) -> str:
    """Unlock a door."""
    home = await visit(ctx.config)
    return await home.act(
        home.find(LOCK, door),
        "lock.unlock",
        _code(ctx),
        reached=being("unlocked"),
        what="unlocked",
    )


@function(tier="low", examples=["Close the garage door."])
async def close_garage(ctx: CallContext, door: GarageName = "") -> str:
    """Close a garage door or a gate."""
    home = await visit(ctx.config)
    return await _move_covers(home, _garages(home, door), "close")


@function(tier="high", examples=["Open the garage door."])
async def open_garage(ctx: CallContext, door: GarageName = "") -> str:
    """Open a garage door or a gate."""
    home = await visit(ctx.config)
    return await _move_covers(home, _garages(home, door), "open")


def _garages(home: Visit, door: str) -> list[Thing]:
    return home.home.find(GARAGE, door, "", things=[thing for thing in home.home.movable("cover") if thing.guarded])


@function(tier="low", examples=["Arm the alarm.", "Arm the alarm for the night."])
async def arm_alarm(
    ctx: CallContext,
    mode: Annotated[Literal["away", "home", "night"], Field(description="Who is in: nobody, people, people asleep")] = "away",
    system: AlarmName = "",
) -> str:
    """Arm the alarm system."""
    home = await visit(ctx.config)
    return await home.act(
        home.find(ALARM, system),
        f"alarm_control_panel.alarm_arm_{mode}",
        _code(ctx),
        reached=being(f"armed_{mode}"),
        what="armed for the night" if mode == "night" else f"armed, {mode}",
    )


@function(tier="high", examples=["Disarm the alarm."])
async def disarm_alarm(ctx: CallContext, system: AlarmName = "") -> str:
    """Disarm the alarm system."""
    home = await visit(ctx.config)
    return await home.act(
        home.find(ALARM, system),
        "alarm_control_panel.alarm_disarm",
        _code(ctx),
        reached=being("disarmed"),
        what="disarmed",
    )


def _code(ctx: CallContext) -> dict[str, str]:
    """The code comes from the configuration: one that is said aloud is none."""
    return {"code": str(ctx.config["code"])} if "code" in ctx.config else {}
