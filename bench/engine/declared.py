"""The functions that conversations of the bench declare: those of ``functions/``, and some that its recordings call for."""

from pathlib import Path
from typing import Any, Final

from agentd.functions.workers.generation import spec_of
from agentd.functions.workers.loader import load
from bench.engine.clips import Clip

HANDLERS: Final = Path(__file__).parents[2] / "functions"

RANKS: Final = "ace two three four five six seven eight nine ten jack queen king".split()

ANSWERS: Final = {
    "set_light": "The lamp in the living room is on.",
    "set_timer": "Your timer is set for 10 minutes.",
    "get_time": "It is 3:20 PM.",
    "get_date": "Today is Tuesday, November 24, 2026.",
    "get_year": "It is 2026.",
    "go": "I am on my way.",
    "quit": "Goodbye.",
    "how_old": "The Brooklyn Bridge was opened in 1883.",
    "order_food": "One noodle soup is on its way.",
    "show_cards": "Here are your cards.",
}
"""What each answers, at once."""

COMMANDS: Final = {
    "rh_en_test": "set_light",
    "r3_set_timer": "set_timer",
    "r3_what_time_is_it": "get_time",
    "r3_whats_the_date_today": "get_date",
    "lws_year": "get_year",
    "ps_goforward": "go",
    "gc_quit": "quit",
    "gc_audio": "how_old",
    "pv_out_of": "order_food",
    "ps_card5": "show_cards",
}
"""The recordings that are complete commands, and the function each means. The others are sentences read out or fragments."""

SPOKEN: Final = {
    "Turn on the living room lamp.": "set_light",
    "Switch off the lights in the kitchen.": "set_light",
    "Dim the bedroom lights to thirty percent.": "set_light",
    "Turn everything off.": "set_light",
    "Set the bedroom heating to twenty one degrees.": "set_heating",
    "Close the blinds in the office.": "set_blinds",
    "Open all the blinds.": "set_blinds",
    "Is the kitchen light on?": "get_home_state",
    "Set a timer for ten minutes.": "set_timer",
    "Set a pizza timer for twelve minutes.": "set_timer",
    "Which timers are running?": "list_timers",
    "Cancel the timer.": "cancel_timer",
    "What time is it?": "get_time",
    "What is the date today?": "get_date",
    "Go back two meters.": "go",
    "How old is the Eiffel Tower?": "how_old",
    "What time is it in Tokyo?": "get_time",
    "How many days until Christmas?": "look_up_date",
    "Remind me to call Anna at seven.": "set_reminder",
    "Remind me in twenty minutes to check the oven.": "set_reminder",
    "Which reminders do I have?": "list_reminders",
    "Add milk and eggs to the shopping list.": "add_to_list",
    "What is on the shopping list?": "read_list",
    "Take a note that the car needs oil.": "take_note",
    "Read my notes.": "read_notes",
    "Convert five miles to kilometers.": "convert_units",
    "How many feet are three meters?": "convert_units",
    "Goodbye.": "end_conversation",
}
"""Commands for a synthesised voice, and the function each means."""


def declarations() -> tuple[dict[str, Any], ...]:
    """All of them, as the daemon would declare them."""
    return (*_handlers(), *_own())


def _handlers() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(HANDLERS.glob("[a-z]*.py")):
        loaded = load(path, path.read_bytes(), {})
        if loaded.faults:
            raise SystemExit(f"{path}: {loaded.faults[0].reason}")
        specs = (spec_of(path, handler.describe()) for handler in loaded.handlers.values())
        found += [spec.declaration() for spec in specs]
    return found


def _own() -> list[dict[str, Any]]:
    word = {"type": "string"}
    return [
        _declared(
            "go",
            "Drive the robot.",
            {
                "direction": word | {"enum": ["forward", "back", "left", "right"]},
                "meters": {"type": "number", "exclusiveMinimum": 0},
            },
            ["Go forward two meters.", "Go back half a meter."],
            acts=True,
        ),
        _declared("quit", "End the program.", {}, ["Quit.", "Stop the program."], acts=True),
        _declared("get_year", "Tell which year it is.", {}, ["What year is it?"]),
        _declared(
            "how_old",
            "Tell how old a building is.",
            {"building": word | {"enum": ["Brooklyn Bridge", "Eiffel Tower", "Tower of London"]}},
            ["How old is the Eiffel Tower?"],
        ),
        _declared(
            "order_food",
            "Order something to eat.",
            {"dish": word | {"enum": ["noodle soup", "tomato soup", "salad"]}},
            ["May I have a salad?", "Please bring me a tomato soup."],
            acts=True,
        ),
        _declared(
            "show_cards",
            "Show a playing card.",
            {"rank": word | {"enum": RANKS}, "suit": word | {"enum": ["clubs", "diamonds", "hearts", "spades"]}},
            ["Queen of hearts.", "Seven of clubs."],
        ),
    ]


def _declared(
    name: str, description: str, properties: dict[str, Any], examples: list[str], *, acts: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"{description}\nExamples: {' '.join(examples)}",
        "parameters": {"type": "object", "properties": properties, "required": list(properties)},
        "defer_until_eot": acts,
    }


def is_command(clip: Clip) -> bool:
    """Whether the recording is a complete command."""
    return clip.name in COMMANDS
