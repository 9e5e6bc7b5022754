"""What a script of Home Assistant may move: whether it reaches something that lets people in.

A script names what it moves, or the device, area, floor or label that has it; it calls other scripts; and it may decide by
template, which nobody can see beforehand.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agentd.functions import FunctionError
from functions._home_assistant_home import GUARDED_DOMAINS, Guards, Thing
from functions._home_assistant_link import Link

MOST_SCRIPTS: Final = 20
"""That one calls, directly or through others; beyond them nothing is seen any more."""

_PLACES: Final = frozenset({"entity_id", "device_id", "area_id", "floor_id", "label_id", "scene", "target"})
"""Members of a step that say what it moves."""
_WAITING: Final = frozenset({"trigger", "triggers", "wait_for_trigger"})
_ANY: Final = frozenset({"", "homeassistant", "scene", "script", "group", "automation"})
"""Domains whose services move things of other domains; an empty one is a step that calls no service by name."""
_OF_SCRIPTS: Final = frozenset({"turn_on", "turn_off", "toggle", "reload"})


async def require_harmless(link: Link, script: Thing, guards: Guards) -> None:
    """Refuse a script that moves a lock, a garage door or an alarm system, or may do so unseen.

    Raises:
        FunctionError: it does; ``allow`` must have it by its full name.
    """
    unseen = FunctionError(f"I cannot see what {script.name} moves; allow {script.id} by its full name to run it.")
    waiting, known = [script.id], {script.id}
    while waiting:
        entity = waiting.pop()
        try:
            related, kept = await link.ask(
                {"type": "search/related", "item_type": "script", "item_id": entity},
                {"type": "script/config", "entity_id": entity},
            )
        except FunctionError:
            raise unseen from None
        if kept.get("config") is None or len(known) > MOST_SCRIPTS:
            raise unseen
        reached = [("", named) for named in related.get("entity", ())]
        for domain, place in (*reached, *_moved(kept["config"])):
            if guards.reached(place, None if domain in _ANY else domain):
                raise FunctionError(
                    f"{script.name} also moves what lets people in; allow {script.id} by its full name to run it."
                )
            if _hidden(place) and domain in {*_ANY, *guards.domains}:
                raise unseen
            if place.startswith("script.") and place not in known:
                known.add(place)
                waiting.append(place)


def _moved(node: Any, domain: str = "") -> Iterator[tuple[str, str]]:
    """Domain of the service and what it is for: an entity, device, area, floor or label, or a script that is called."""
    if isinstance(node, list):
        for item in node:
            yield from _moved(item, domain)
    elif isinstance(node, Mapping):
        called = str(node.get("action", node.get("service", "")))
        domain = called.partition(".")[0] or domain
        yield from _by_call(called, domain)
        for key, value in node.items():
            if key in _PLACES and not isinstance(value, Mapping):
                yield from ((domain, str(place)) for place in (value if isinstance(value, list) else [value]))
            elif key == "use_blueprint":
                yield from (("", text) for text in _texts(value))
            elif key not in _WAITING:
                yield from _moved(value, domain)


def _by_call(called: str, domain: str) -> Iterator[tuple[str, str]]:
    """What the call of a service moves, whatever it is for."""
    if _hidden(called) or called == "automation.trigger":
        yield "", "{{ }}"
    elif domain in GUARDED_DOMAINS:
        yield domain, "all"
    elif domain == "script" and called.partition(".")[2] not in _OF_SCRIPTS:
        yield domain, called


def _texts(node: Any) -> Iterator[str]:
    """Every text in it: what the inputs of a blueprint are for is not said."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping | list):
        for item in node.values() if isinstance(node, Mapping) else node:
            yield from _texts(item)


def _hidden(text: str) -> bool:
    return "{{" in text or "{%" in text
