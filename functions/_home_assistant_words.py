"""How things of Home Assistant are told: the living room lamp is on at 40 percent, the kitchen window is open."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from functions._home_assistant_home import Thing
from functions._home_assistant_names import some

MOVING: Final = frozenset({"locking", "unlocking", "opening", "closing", "arming", "pending", "disarming"})
"""States of what takes its time."""

_PLURAL: Final = {"is": "are", "has": "have"}

UNAVAILABLE: Final = frozenset({"unavailable", "unknown"})
_TOGETHER: Final = 3
"""So many things are told by name; more by number."""

_TRUE_FALSE: Final[Mapping[str, tuple[str, str]]] = {
    "battery": ("low on battery", "well charged"),
    "battery_charging": ("charging", "not charging"),
    "carbon_monoxide": ("reporting carbon monoxide", "clear"),
    "connectivity": ("connected", "disconnected"),
    "door": ("open", "closed"),
    "garage_door": ("open", "closed"),
    "gas": ("reporting gas", "clear"),
    "lock": ("unlocked", "locked"),
    "moisture": ("wet", "dry"),
    "motion": ("detecting motion", "quiet"),
    "occupancy": ("occupied", "free"),
    "opening": ("open", "closed"),
    "plug": ("plugged in", "unplugged"),
    "presence": ("at home", "away"),
    "problem": ("reporting a problem", "all right"),
    "smoke": ("reporting smoke", "clear"),
    "window": ("open", "closed"),
}
"""Of a binary sensor, by its device class: what on and off mean."""

_UNITS: Final = {
    "°C": "degrees",
    "°F": "degrees",
    "%": "percent",
    "W": "watts",
    "kW": "kilowatts",
    "kWh": "kilowatt hours",
    "V": "volts",
    "A": "amperes",
    "lx": "lux",
    "hPa": "hectopascals",
    "km/h": "kilometres per hour",
    "m/s": "metres per second",
    "mm": "millimetres",
    "ppm": "parts per million",
    "µg/m³": "micrograms per cubic metre",
}


def sentence(words: str) -> str:
    """A capital and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def told(things: Sequence[Thing], predicate: str) -> str:
    """A sentence about things: the bed light is on; the kitchen lights are on; all 7 are off."""
    several = len(things) > _TOGETHER
    subject = f"all {len(things)}" if several else some((f"the {thing.name}" for thing in things), last="and")
    plural = len(things) > 1 or _is_plural(things[0].name)
    return sentence(f"{subject} {_plural(predicate) if plural else predicate}")


def outcome(things: Sequence[Thing], what: str, confirmed: Collection[str], states: Mapping[str, str | None]) -> str:
    """What came of an act: what Home Assistant confirms, what is on its way, and what it says nothing about.

    Args:
        what: the state that was wanted, as what follows "is".
        confirmed: ids of what is in that state.
        states: what each is now, by id.
    """
    done = [thing for thing in things if thing.id in confirmed]
    silent = [thing for thing in things if thing.state == "unavailable"]
    left = [thing for thing in things if thing not in done and thing not in silent]
    sentences = [told(done, f"is {what}")] if done else []
    for state in dict.fromkeys(states.get(thing.id) for thing in left):
        same = [thing for thing in left if states.get(thing.id) == state]
        if state in MOVING:
            sentences.append(told(same, f"is {state}"))
        else:
            sentences.append(told(same, f"has been told, but Home Assistant does not confirm that it is {what}"))
    if silent:
        sentences.append(told(silent, "cannot be reached"))
    return " ".join(sentences)


def states_of(things: Sequence[Thing]) -> str:
    """How things are, those that are alike together, the rarer first: the lamp is on, the other 7 are off."""
    groups: dict[str, list[Thing]] = {}
    for thing in things:
        groups.setdefault(state_of(thing), []).append(thing)
    sentences: list[str] = []
    for predicate, same in sorted(groups.items(), key=lambda group: len(group[1])):
        if sentences and len(same) > _TOGETHER:
            sentences.append(f"The other {len(same)} {_plural(predicate)}.")
        else:
            sentences.append(told(same, predicate))
    return " ".join(sentences)


def _is_plural(name: str) -> bool:
    return name.endswith("s") and not name.endswith(("ss", "us", "is"))


def _plural(predicate: str) -> str:
    verb, _, rest = predicate.partition(" ")
    return f"{_PLURAL.get(verb, verb)} {rest.replace('that it is', 'that they are')}"


def state_of(thing: Thing) -> str:
    """How it is, as what follows its name: "is on at 40 percent", "is 21.5 degrees"."""
    if thing.state in UNAVAILABLE:
        return "cannot be reached" if thing.state == "unavailable" else "has told nothing yet"
    match thing.domain:
        case "binary_sensor":
            on, off = _TRUE_FALSE.get(thing.kind, ("on", "off"))
            return f"is {on if thing.state == 'on' else off}"
        case "sensor" | "number" | "input_number":
            return f"is {_measured(thing)}"
        case "climate" | "water_heater":
            return _climate(thing.state, thing.attributes)
        case "media_player":
            title = thing.attributes.get("media_title")
            return f"is {_plain(thing.state)}{f' {title}' if title and thing.state in {'playing', 'paused'} else ''}"
        case "person" | "device_tracker":
            return {"home": "is at home", "not_home": "is away"}.get(thing.state, f"is in {thing.state}")
        case "weather":
            temperature = thing.attributes.get("temperature")
            return f"is {_plain(thing.state)}{'' if temperature is None else f', {temperature:g} degrees'}"
        case _:
            return f"is {_plain(thing.state)}{_level(thing)}"


def _level(thing: Thing) -> str:
    """How much it is on or open."""
    brightness, position = thing.attributes.get("brightness"), thing.attributes.get("current_position")
    if thing.state == "on" and isinstance(brightness, int):
        return f" at {max(1, round(brightness / 2.55))} percent"
    if thing.state == "on" and isinstance(percentage := thing.attributes.get("percentage"), int | float):
        return f" at {percentage:g} percent"
    return f" at {position} percent" if thing.state == "open" and isinstance(position, int) and position < 100 else ""


def _measured(thing: Thing) -> str:
    unit = str(thing.attributes.get("unit_of_measurement") or "")
    try:
        value = f"{round(float(thing.state), 1):g}"
    except ValueError:
        return _plain(thing.state)
    return f"{value} {_UNITS.get(unit, unit)}".strip()


def _climate(mode: str, attributes: Mapping[str, Any]) -> str:
    target, low, high = (attributes.get(name) for name in ("temperature", "target_temp_low", "target_temp_high"))
    now = attributes.get("current_temperature")
    told = "is off" if mode == "off" else f"is set to {_plain(mode)}"
    if target is not None and mode != "off":
        told = f"is set to {target:g} degrees"
    elif low is not None and high is not None and mode != "off":
        told = f"is set to {low:g} to {high:g} degrees"
    return told + (f" and it is {now:g} degrees there" if now is not None else "")


def _plain(state: str) -> str:
    return state.replace("_", " ")
