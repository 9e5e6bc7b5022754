"""How things of a home are named, found, allowed and told, without a Home Assistant; tests/home_assistant has a real one."""

from typing import Any

import pytest

from agentd.functions import AskUser, FunctionError
from functions._home_assistant_home import Area, Guards, Home, Kind, Thing
from functions._home_assistant_names import alike, some, words
from functions._home_assistant_words import outcome, state_of, states_of

KITCHEN = Area("kitchen", ("Kitchen",), ("Downstairs",))
OFFICE = Area("office", ("Office", "Study"))
LIGHT = Kind("light", "light", frozenset({"light"}), words("light lamp"), guess=True)
BLINDS = Kind("blinds", "blinds", frozenset({"cover"}), words("blind curtain"))


def thing(id: str, name: str, area: Area | None = None, state: str = "on", *aliases: str, **attributes: Any) -> Thing:
    return Thing(id, (name, *aliases), area, state, attributes, movable=True, guarded=False, chosen=False)


HOME = Home(
    [
        thing("light.counter", "Counter Light", KITCHEN),
        thing("light.sink", "Sink", KITCHEN),
        thing("light.desk", "Desk Lamp", OFFICE, "off", "Old Faithful"),
        thing("light.floor", "Lamp", OFFICE),
        thing("cover.kitchen", "Kitchen Blinds", KITCHEN, "open"),
        thing("cover.left", "Left Curtain", OFFICE, "open"),
        thing("cover.right", "Right Curtain", OFFICE, "open"),
    ],
    [KITCHEN, OFFICE],
    guards=Guards(),
    starting=False,
)


@pytest.mark.parametrize(
    ("name", "place", "found"),
    [
        ("counter light", "", ["light.counter"]),
        ("the counter lamp", "", ["light.counter"]),
        ("office desk lamp", "", ["light.desk"]),
        ("old faithful", "", ["light.desk"]),
        ("lamp", "", ["light.floor"]),
        ("kitchen lights", "", ["light.counter", "light.sink"]),
        ("downstairs light", "", ["light.counter", "light.sink"]),
        ("", "study", ["light.desk", "light.floor"]),
        ("", "everywhere", ["light.counter", "light.sink", "light.desk", "light.floor"]),
        ("dask lamp", "", ["light.desk"]),
        ("caunter", "", ["light.counter"]),
        ("Cöunter", "", ["light.counter"]),
    ],
)
def test_a_light_is_found(name: str, place: str, found: list[str]) -> None:
    assert [one.id for one in HOME.find(LIGHT, name, place)] == found


@pytest.mark.parametrize(
    ("name", "place", "question"),
    [
        ("curtain", "", "Which blinds: Left Curtain or Right Curtain?"),
        ("left curtin", "", "Do you mean the Left Curtain?"),
        ("", "", "Which blinds: Kitchen Blinds, Left Curtain or Right Curtain?"),
    ],
)
def test_what_is_not_certain_is_asked(name: str, place: str, question: str) -> None:
    with pytest.raises(AskUser) as asked:
        HOME.find(BLINDS, name, place)
    assert (asked.value.question, asked.value.argument) == (question, "blinds")


@pytest.mark.parametrize(
    ("name", "place", "error"),
    [
        ("garage", "", "There are no blinds called garage. There are: Kitchen Blinds, Left Curtain or Right Curtain."),
        ("", "attic", "There is no attic. There are: Kitchen or Office."),
    ],
)
def test_what_is_not_there_is_told_with_what_there_is(name: str, place: str, error: str) -> None:
    with pytest.raises(FunctionError) as told:
        HOME.find(BLINDS, name, place)
    assert str(told.value) == error


def test_names_that_are_equally_near_are_all_asked_for() -> None:
    twins = [thing("light.a", "Hall Lamp A1"), thing("light.b", "Hall Lamp B1")]
    home = Home(twins, [Area("a", ("Room A1",)), Area("b", ("Room B1",))], guards=Guards(), starting=False)
    assert alike("hall lamp c1", twins) == twins
    with pytest.raises(AskUser, match=r"Do you mean the Hall Lamp A1 or the Hall Lamp B1\?"):
        home.find(LIGHT, "hall lamp c1", "")
    with pytest.raises(AskUser, match=r"Where: Room A1 or Room B1\?"):
        home.within("room c1")


def test_many_names_are_told_as_a_few() -> None:
    assert some(["a", "b", "c", "d", "e", "f", "g"]) == "a, b, c, d, e or 2 more"


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (thing("light.a", "Lamp", None, "on", brightness=128), "is on at 50 percent"),
        (thing("binary_sensor.a", "Window", None, "on", device_class="window"), "is open"),
        (thing("binary_sensor.a", "Leak", None, "off", device_class="moisture"), "is dry"),
        (thing("sensor.a", "Temperature", None, "21.46", unit_of_measurement="°C"), "is 21.5 degrees"),
        (thing("sensor.a", "Power", None, "1200", unit_of_measurement="W"), "is 1200 watts"),
        (thing("climate.a", "Heat", None, "heat", temperature=21), "is set to 21 degrees"),
        (thing("climate.a", "Heat", None, "off", current_temperature=19.5), "is off and it is 19.5 degrees there"),
        (thing("climate.a", "Heating", None, "off", temperature=21), "is off"),
        (thing("cover.a", "Blind", None, "open", current_position=40), "is open at 40 percent"),
        (thing("media_player.a", "Radio", None, "playing", media_title="Hello"), "is playing Hello"),
        (thing("alarm_control_panel.a", "Alarm", None, "armed_away"), "is armed away"),
        (thing("person.a", "Anna", None, "not_home"), "is away"),
        (thing("light.a", "Lamp", None, "unavailable"), "cannot be reached"),
    ],
)  # fmt: skip
def test_a_state_is_told_in_words(one: Thing, told: str) -> None:
    assert state_of(one) == told


def test_what_is_alike_is_told_together() -> None:
    assert states_of(HOME.things[:4]) == "The Desk Lamp is off. The Counter Light, the Sink and the Lamp are on."


def test_only_what_is_confirmed_is_claimed() -> None:
    away = thing("light.x", "Attic Lights", None, "unavailable")
    things = [*HOME.things[:2], HOME.things[4], away]
    states = {"light.counter": "on", "light.sink": "off", "cover.kitchen": "opening"}
    assert outcome(things, "on", {"light.counter"}, states) == (
        "The Counter Light is on. The Sink has been told, but Home Assistant does not confirm that it is on. "
        "The Kitchen Blinds are opening. The Attic Lights cannot be reached."
    )
