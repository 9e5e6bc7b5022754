"""What agentd may see and move of a Home Assistant: entities, areas, and how people call them.

Everything is asked anew for each call, which takes a few milliseconds: a home changes while an agent talks about it.
"""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final

from agentd.functions import AskUser, FunctionError
from functions._home_assistant_link import Link
from functions._home_assistant_names import alike, some, words

EXPOSED: Final = "exposed"
"""In ``allow``: what Home Assistant exposes to its own voice assistants. The default."""

GUARDED_DOMAINS: Final = frozenset({"lock", "alarm_control_panel"})
BLIND_COVERS: Final = frozenset({"awning", "blind", "curtain", "damper", "shade", "shutter", "window"})
"""Device classes of covers that let nobody in, and words in the names of such."""


@dataclass(frozen=True, slots=True)
class Area:
    """A room or another part of the home; ``names`` are its own and its aliases, ``floors`` those of its floor."""

    id: str
    names: tuple[str, ...]
    floors: tuple[str, ...] = ()

    @property
    def all_names(self) -> tuple[str, ...]:
        """What people call it, or the floor it is on."""
        return self.names + self.floors


@dataclass(frozen=True, slots=True)
class Thing:
    """An entity that may be seen.

    Attributes:
        names: the friendly name, then the aliases.
        state: its main state, "on".
        movable: it may be acted on.
        guarded: it lets people in, or holds something that does, be it a group in a group.
        chosen: ``allow`` has it by its full name.
    """

    id: str
    names: tuple[str, ...]
    area: Area | None
    state: str
    attributes: Mapping[str, Any]
    movable: bool
    guarded: bool
    chosen: bool

    @property
    def domain(self) -> str:
        """What sort of thing it is: light, climate."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """As it is told."""
        return self.names[0]

    @property
    def kind(self) -> str:
        """Its device class ("window", "temperature"), else nothing."""
        return str(self.attributes.get("device_class") or "")


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of things, as people ask for it.

    Attributes:
        word: in one word, "light".
        argument: the parameter of the function that takes a name.
        domains: of Home Assistant.
        words: what people call the sort, which tells them not apart: "the bed lamp" may be called Bed Light.
        together: "the lights in the kitchen" are all of them.
        guess: what sounds like a name is taken for it; only where it does no harm.
    """

    word: str
    argument: str
    domains: frozenset[str]
    words: frozenset[str] = frozenset()
    together: bool = True
    guess: bool = False

    @property
    def no(self) -> str:
        """That there is none: "is no light", "are no blinds"."""
        return f"{'are' if self.word.endswith('s') else 'is'} no {self.word}"


class Guards(dict[str, AbstractSet[str]]):
    """What lets people in, or holds something that does, by entity: under which ids of its own, its device, area … it is had."""

    @property
    def domains(self) -> AbstractSet[str]:
        """Of all of them."""
        return {entity.partition(".")[0] for entity in self}

    def reached(self, place: str, domain: str | None) -> bool:
        """Whether a service for ``place`` moves one of them.

        Args:
            place: an entity, device, area, floor or label, or "all".
            domain: what the service moves; None for anything.
        """
        return any(
            (place == "all" or place in ids) and domain in {None, entity.partition(".")[0]} for entity, ids in self.items()
        )


class Home:
    """The things that agentd may see, at this moment; ``starting`` while Home Assistant has not brought all of them up."""

    def __init__(self, things: Sequence[Thing], areas: Sequence[Area], *, guards: Guards, starting: bool) -> None:
        self.things = things
        self.areas = areas
        self.starting = starting
        self.guards = guards

    def movable(self, *domains: str) -> list[Thing]:
        """What may be acted on, of these sorts."""
        return [thing for thing in self.things if thing.domain in domains and thing.movable]

    def within(self, place: str) -> list[Area] | None:
        """The areas that a place means: an area, or those of a floor; None for everywhere.

        Raises:
            FunctionError: there is no such place.
            AskUser: it may be one of several.
        """
        wanted = words(place)
        if not wanted or wanted & {"everywhere", "all", "home", "house"}:
            return None
        areas = [area for area in self.areas if any(words(name) == wanted for name in area.names)]
        areas = areas or [area for area in self.areas if any(words(name) == wanted for name in area.floors)]
        areas = areas or alike(place, self.areas)
        if len(areas) > 1 and not any(wanted == words(name) for area in areas for name in area.all_names):
            raise AskUser(f"Where: {some(area.names[0] for area in areas)}?", argument="place")
        if not areas:
            raise FunctionError(f"There is no {place}. There are: {some(area.names[0] for area in self.areas)}.")
        return areas

    def find(self, kind: Kind, name: str, place: str, *, things: Iterable[Thing] | None = None) -> list[Thing]:
        """What is meant by a name, a place, or both; several where all of them are meant.

        Args:
            things: to choose from; by default all of the kind that may be moved.

        Raises:
            FunctionError: nothing fits.
            AskUser: several fit, or only a guess would.
        """
        candidates = self.movable(*kind.domains) if things is None else list(things)
        if place and (areas := self.within(place)) is not None:
            candidates = [thing for thing in candidates if thing.area in areas or _says(thing, place)]
        if not candidates:
            raise FunctionError(f"There {kind.no}{f' in {place}' if place else ''} that I may use.")
        wanted = words(name)
        found = self._named(wanted, kind, candidates)
        if not found and not wanted - kind.words:
            if place and kind.together:
                return candidates
            # "The curtain" is the one that is called so; "the blinds" may be any.
            so_called = [thing for thing in candidates if wanted and any(wanted <= words(own) for own in thing.names)]
            return one_of(kind, so_called if so_called and not wanted <= words(kind.word) else candidates)
        if found:
            plural = name.rstrip().endswith("s")
            return found if kind.together and (plural or place or self._is_area(wanted - kind.words)) else one_of(kind, found)
        near = alike(name, candidates, kind=kind.word)
        if not near:
            raise FunctionError(f"There {kind.no} called {name}. There are: {some(thing.name for thing in candidates)}.")
        if len(near) > 1 or not kind.guess:
            raise AskUser(f"Do you mean {some(f'the {thing.name}' for thing in near)}?", argument=kind.argument)
        return near

    def _named(self, wanted: frozenset[str], kind: Kind, candidates: Sequence[Thing]) -> list[Thing]:
        """By name; then by name and area; then all of an area ("the kitchen light"); then by a part of the name."""
        tests: tuple[Callable[[Thing], bool], ...] = (
            lambda thing: any(words(name) == wanted for name in thing.names),
            lambda thing: any(words(name) == wanted for name in _with_area(thing)),
            lambda thing: any(words(name) - kind.words == wanted - kind.words for name in _with_area(thing)),
            lambda thing: thing.area is not None and any(words(name) == wanted - kind.words for name in thing.area.all_names),
            lambda thing: any(wanted - kind.words <= words(name) for name in _with_area(thing)),
        )
        told = tests if wanted - kind.words else tests[:2]
        return next(filter(None, ([thing for thing in candidates if fits(thing)] for fits in told)), [])

    def _is_area(self, wanted: frozenset[str]) -> bool:
        return any(words(name) == wanted for area in self.areas for name in area.all_names)


def one_of(kind: Kind, found: list[Thing]) -> list[Thing]:
    """The only one.

    Raises:
        AskUser: there are several.
    """
    if len(found) == 1:
        return found
    names = [thing.name for thing in found]
    told = [
        f"{thing.name} in the {thing.area.names[0]}" if thing.area and names.count(thing.name) > 1 else thing.name
        for thing in found
    ]
    raise AskUser(f"Which {kind.word}: {some(told)}?", argument=kind.argument)


def _says(thing: Thing, place: str) -> bool:
    """Whether what is in no area has the place in its name."""
    return thing.area is None and any(words(place) <= words(name) for name in thing.names)


def _with_area(thing: Thing) -> Iterable[str]:
    """Its names, each also with the name of its area: "ceiling light" in the kitchen is the kitchen ceiling light."""
    for name in thing.names:
        yield name
        for area in thing.area.names if thing.area is not None else ():
            yield f"{area} {name}"


async def look(link: Link, config: Mapping[str, Any]) -> Home:
    """The home as it is now.

    Raises:
        Unreachable: Home Assistant does not answer.
        FunctionError: it does not tell.
    """
    allow = tuple(config.get("allow", (EXPOSED,)))
    queries = [
        {"type": "get_config"},
        {"type": "get_states"},
        {"type": "config/area_registry/list"},
        {"type": "config/floor_registry/list"},
        {"type": "config/entity_registry/list"},
        {"type": "config/device_registry/list"},
        *([{"type": "homeassistant/expose_entity/list"}] if EXPOSED in allow else []),
    ]
    about, states, areas, floors, entities, devices, *rest = await link.ask(*queries)
    shown = {entity for entity, to in rest[0]["exposed_entities"].items() if to.get("conversation")} if rest else set()
    on_floor = {floor["floor_id"]: (floor["name"], *floor["aliases"]) for floor in floors}
    floor_of = {area["area_id"]: area["floor_id"] for area in areas}
    rooms = {
        area["area_id"]: Area(area["area_id"], (area["name"], *area["aliases"]), on_floor.get(area["floor_id"], ()))
        for area in areas
    }
    by_id = {device["id"]: device for device in devices}
    labels = {area["area_id"]: area["labels"] for area in areas}
    registered = {entity["entity_id"]: entity for entity in entities}
    guards, things = Guards(), []
    guarding = _guarding(states, entities)
    for state in states:
        entity, attributes = state["entity_id"], state["attributes"]
        entry = registered.get(entity, {})
        device = by_id.get(entry.get("device_id"), {})
        room = entry.get("area_id") or device.get("area_id")
        area, guarded = rooms.get(room), entity in guarding
        if guarded:
            own = (entity, entry.get("id"), entry.get("device_id"), room, floor_of.get(room))
            had = (*own, *entry.get("labels", ()), *device.get("labels", ()), *labels.get(room, ()))
            guards[entity] = {id_ for id_ in had if id_}
        rule = _Rule(entity, area, exposed=entity in shown, guarded=guarded)
        if entry.get("hidden_by") or not rule.seen(allow):
            continue
        names = (attributes.get("friendly_name") or entity.partition(".")[2].replace("_", " "),)
        movable, chosen = rule.moved(allow), entity in allow
        things.append(Thing(entity, names, area, state["state"], attributes, movable, guarded, chosen))
    known = await _with_aliases(link, things, registered)
    return Home(known, list(rooms.values()), guards=guards, starting=about["state"] != "RUNNING")


async def _with_aliases(link: Link, things: Sequence[Thing], registered: Mapping[str, Any]) -> list[Thing]:
    """The list of entities does not tell their aliases."""
    known = [thing.id for thing in things if thing.id in registered]
    (entries,) = await link.ask({"type": "config/entity_registry/get_entries", "entity_ids": known}) if known else ({},)
    aliases = {entity: tuple(entry["aliases"]) for entity, entry in entries.items() if entry}
    return [replace(thing, names=(*thing.names, *aliases.get(thing.id, ()))) for thing in things]


def _guarding(states: Sequence[Mapping[str, Any]], entities: Sequence[Mapping[str, Any]]) -> AbstractSet[str]:
    """What lets people in, and what holds something that does: groups, groups of groups, scenes, the switch behind a lock."""
    guarding = {state["entity_id"] for state in states if _lets_in(state)}
    for entry in entities:
        behind = entry.get("options", {}).get("switch_as_x", {}).get("entity_id")
        if behind and entry["entity_id"] in guarding:
            guarding.add(behind)
    holders = {state["entity_id"]: set(state["attributes"].get("entity_id") or ()) for state in states}
    while more := {entity for entity, held in holders.items() if entity not in guarding and held & guarding}:
        guarding |= more
    return guarding


def _lets_in(state: Mapping[str, Any]) -> bool:
    """Locks, alarm systems, and covers but for those that are known as blinds: by their class, else by their names."""
    entity, attributes = state["entity_id"], state["attributes"]
    domain = entity.partition(".")[0]
    if domain != "cover" or attributes.get("device_class"):
        return domain in GUARDED_DOMAINS or (domain == "cover" and attributes["device_class"] not in BLIND_COVERS)
    named = words(f"{entity} {attributes.get('friendly_name', '')}")
    return any(word.startswith("garage") for word in named) or "gate" in named or ("door" in named and not named & BLIND_COVERS)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Whether ``allow`` lets an entity be seen and moved.

    An entry is "exposed", "area:<name>", or an entity's id with wildcards. What lets people in must be asked for as such:
    an entry moves it only if it names its domain, and for a garage door among covers more than the domain.
    """

    entity: str
    area: Area | None
    exposed: bool
    guarded: bool

    def seen(self, allow: Iterable[str]) -> bool:
        return any(self._fits(entry) for entry in allow)

    def moved(self, allow: Iterable[str]) -> bool:
        return any(self._fits(entry) and (not self.guarded or self._asked_for(entry)) for entry in allow)

    def _fits(self, entry: str) -> bool:
        if entry == EXPOSED:
            return self.exposed
        kind, _, name = entry.partition(":")
        if kind == "area":
            return self.area is not None and (name == self.area.id or any(words(name) == words(own) for own in self.area.names))
        return fnmatch.fnmatchcase(self.entity, entry)

    def _asked_for(self, entry: str) -> bool:
        domain, _, name = entry.partition(".")
        return domain == self.entity.partition(".")[0] and (domain in GUARDED_DOMAINS or name.strip("*") != "")
