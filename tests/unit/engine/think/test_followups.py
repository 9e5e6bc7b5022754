"""Sentences that lean on what was said and done before them."""

import pytest

from agentd.engine.providers import UserText
from tests.unit.engine.think.conftest import Declaration, Made, MakeTalk

AFTER: list[tuple[str, list[str], list[Made]]] = [
    ("shipped", ["set a timer for ten minutes", "how much time is left on it"], [("list_timers", {})]),
    ("household", ["set the volume to 30", "turn it up a bit"], [("set_volume", {"percent": 40})]),
    (
        "shipped",
        ["turn on the kitchen lamp", "and the bedroom too"],
        [("set_light", {"room": "bedroom", "light": "lamp", "on": True})],
    ),
    (
        "shipped",
        ["turn on the kitchen lamp", "and in the bedroom as well"],
        [("set_light", {"room": "bedroom", "light": "lamp", "on": True})],
    ),
    (
        "shipped",
        ["turn on the kitchen lamp", "what about the office"],
        [("set_light", {"room": "office", "light": "lamp", "on": True})],
    ),
    ("shipped", ["is the kitchen light on", "and in the office"], [("get_home_state", {"room": "office", "device": "lights"})]),
    (
        "shipped",
        ["turn on the kitchen lamp", "turn it off again"],
        [("set_light", {"room": "kitchen", "light": "lamp", "on": False})],
    ),
    ("shipped", ["turn on the kitchen lamp", "turn it off"], [("set_light", {"room": "kitchen", "light": "lamp", "on": False})]),
    ("shipped", ["close the blinds in the office", "open them again"], [("set_blinds", {"room": "office", "position": "open"})]),
    (
        "shipped",
        ["set the bedroom heating to 21 degrees", "make it 22"],
        [("set_heating", {"room": "bedroom", "temperature": 22})],
    ),
    (
        "shipped",
        ["set the bedroom heating to 21 degrees", "the same in the kitchen"],
        [("set_heating", {"room": "kitchen", "temperature": 21})],
    ),
    (
        "shipped",
        ["set the bedroom heating to 21 degrees", "do the same in the office please"],
        [("set_heating", {"room": "office", "temperature": 21})],
    ),
    (
        "shipped",
        ["dim the bedroom lights to 30 percent", "a bit brighter"],
        [("set_light", {"room": "bedroom", "light": "lights", "brightness": 40})],
    ),
    (
        "shipped",
        ["dim the bedroom lights to 30 percent", "make it a little darker"],
        [("set_light", {"room": "bedroom", "light": "lights", "brightness": 20})],
    ),
    (
        "shipped",
        ["set the bedroom heating to 21 degrees", "two degrees warmer"],
        [("set_heating", {"room": "bedroom", "temperature": 23})],
    ),
    (
        "shipped",
        ["set the bedroom heating to 21 degrees", "one degree less please"],
        [("set_heating", {"room": "bedroom", "temperature": 20})],
    ),
    ("shipped", ["set a timer for ten minutes", "cancel it"], [("cancel_timer", {})]),
    ("shipped", ["set a pizza timer for ten minutes", "cancel that"], [("cancel_timer", {"name": "pizza"})]),
    ("shipped", ["set a timer for ten minutes", "and another one for twenty minutes"], [("set_timer", {"minutes": 20})]),
    (
        "shipped",
        ["dim the bedroom lights to 30 percent", "set it to 60 percent"],
        [("set_light", {"room": "bedroom", "light": "lights", "brightness": 60})],
    ),
    ("shipped", ["what day is it tomorrow", "and yesterday"], [("get_date", {"day": "yesterday"})]),
    ("household", ["set the volume to 40", "a bit louder"], [("set_volume", {"percent": 50})]),
    ("household", ["set the volume to 40", "turn it up by 20 percent"], [("set_volume", {"percent": 60})]),
    ("household", ["lock the front door", "and the back door"], [("lock_door", {"door": "back door", "locked": True})]),
    ("household", ["lock the front door", "unlock it again"], [("lock_door", {"door": "front door", "locked": False})]),
    ("household", ["add milk to the shopping list", "and eggs"], [("add_to_shopping_list", {"item": "eggs"})]),
    ("household", ["what's the weather in Paris", "and in London"], [("get_weather", {"location": "London"})]),
    ("household", ["what's the weather in Paris", "how about London"], [("get_weather", {"location": "London"})]),
    ("robot", ["go forward ten meters", "do it again"], [("move", {"direction": "forward", "meters": 10})]),
    (
        "shipped",
        ["turn off the kitchen lights", "what time is it", "and the bedroom lights too"],
        [("set_light", {"room": "bedroom", "light": "lights", "on": False})],
    ),
]

CORRECTED: list[tuple[str, list[str], list[Made]]] = [
    (
        "shipped",
        ["turn on the bedroom lamp", "no I meant the kitchen"],
        [("set_light", {"room": "kitchen", "light": "lamp", "on": True})],
    ),
    (
        "shipped",
        ["turn on the bedroom lamp", "no, the kitchen"],
        [("set_light", {"room": "kitchen", "light": "lamp", "on": True})],
    ),
    ("shipped", ["set a timer for five minutes", "actually make that ten minutes"], [("set_timer", {"minutes": 10})]),
    (
        "shipped",
        ["dim the kitchen lights to 30 percent", "twenty not thirty"],
        [("set_light", {"room": "kitchen", "light": "lights", "brightness": 20})],
    ),
    (
        "shipped",
        ["dim the kitchen lights to 30 percent", "sorry, 20 percent"],
        [("set_light", {"room": "kitchen", "light": "lights", "brightness": 20})],
    ),
    (
        "shipped",
        ["turn on the lamp in the kitchen, sorry, in the office"],
        [("set_light", {"room": "office", "light": "lamp", "on": True})],
    ),
    ("shipped", ["set a timer for five no ten minutes"], [("set_timer", {"minutes": 10})]),
    ("shipped", ["set a timer for five minutes, I mean ten minutes"], [("set_timer", {"minutes": 10})]),
    (
        "shipped",
        ["turn on the bedroom lamp", "i said the kitchen lamp not the bedroom lamp"],
        [("set_light", {"room": "kitchen", "light": "lamp", "on": True})],
    ),
    ("shipped", ["close the blinds in the kitchen", "wait, open"], [("set_blinds", {"room": "kitchen", "position": "open"})]),
    ("household", ["set an alarm for seven thirty", "no, eight thirty"], [("set_alarm", {"time": "08:30"})]),
    ("library", ["lend dune to maria", "no, to Anna"], [("lend_book", {"title": "dune", "member": "Anna"})]),
]

CHANGED: list[tuple[str, list[str], list[Made]]] = [
    (
        "shipped",
        ["set the bedroom heating to 19 degrees", "make the bedroom two degrees warmer"],
        [("set_heating", {"room": "bedroom", "temperature": 21})],
    ),
    (
        "shipped",
        ["dim the office lights to 50 percent", "dim the office lights by ten percent"],
        [("set_light", {"room": "office", "light": "lights", "brightness": 40})],
    ),
    ("shipped", ["make the bedroom two degrees warmer"], []),
    ("shipped", ["make the bedroom lights 10 percent brighter"], []),
    ("household", ["increase the volume by 10 percent"], []),
]


@pytest.mark.parametrize(("functions", "turns", "calls"), AFTER + CORRECTED + CHANGED)
def test_the_calls_before_complete_what_is_said(
    request: pytest.FixtureRequest, talk: MakeTalk, functions: str, turns: list[str], calls: list[Made]
) -> None:
    conversation = talk(request.getfixturevalue(functions))
    for said in turns[:-1]:
        conversation.says(said)

    assert conversation.calls(turns[-1]) == calls


@pytest.mark.parametrize(
    ("cut_off", "said", "calls"),
    [
        ("turn on the", "living room lamp", [("set_light", {"room": "living room", "light": "lamp", "on": True})]),
        ("set a timer for", "ten minutes", [("set_timer", {"minutes": 10})]),
        ("Set the heating in.", "The office to 20 degrees.", [("set_heating", {"room": "office", "temperature": 20})]),
        ("could you please", "turn the kitchen lights off", [("set_light", {"room": "kitchen", "light": "lights", "on": False})]),
        ("thank you", "ten minutes", []),
    ],
)
def test_a_sentence_that_was_cut_off_is_read_with_its_end(
    talk: MakeTalk, shipped: list[Declaration], cut_off: str, said: str, calls: list[Made]
) -> None:
    conversation = talk(shipped)
    conversation.messages.append(UserText(cut_off))

    assert conversation.calls(said) == calls


def test_the_limit_is_told_where_nothing_can_be_raised_any_further(talk: MakeTalk, household: list[Declaration]) -> None:
    conversation = talk(household)
    conversation.says("set the volume to 95")

    assert conversation.calls("louder") == [("set_volume", {"percent": 100})]
    conversation.says("set the volume to 100")
    assert conversation.says("a bit louder") == "The percent is already at its highest, 100."


def test_a_level_that_a_result_told_is_known_too(talk: MakeTalk, shipped: list[Declaration]) -> None:
    told = "In the bedroom, the heating is set to 19 degrees."
    conversation = talk(shipped, results={"get_home_state": told})
    conversation.says("what is the heating in the bedroom")

    assert conversation.calls("make the bedroom two degrees warmer") == [("set_heating", {"room": "bedroom", "temperature": 21})]


def test_where_no_level_is_known_it_asks_for_one(talk: MakeTalk, shipped: list[Declaration]) -> None:
    assert talk(shipped).says("make the bedroom two degrees warmer") == "What temperature, in degrees?"


def test_all_calls_of_a_round_are_meant_by_them(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the kitchen and bedroom lamp")

    assert conversation.calls("turn them off again") == [
        ("set_light", {"light": "lamp", "room": "kitchen", "on": False}),
        ("set_light", {"light": "lamp", "room": "bedroom", "on": False}),
    ]


def test_after_some_turns_nothing_is_meant_any_more(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the kitchen lamp")
    for said in ("hello", "thank you", "how are you"):
        conversation.says(said)

    assert conversation.calls("turn it off") == []


def test_taking_back_what_cannot_be_undone_is_answered_honestly(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("set the bedroom heating to 21 degrees")

    assert conversation.says("cancel that") == "That is done already. Tell me what to do instead."
    assert talk(shipped).says("cancel that") == "All right."


def test_an_answer_may_correct_itself(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")

    assert conversation.calls("the kitchen, no, the office") == [("set_light", {"light": "lamp", "room": "office", "on": True})]
