"""The functions that ship, spoken to: the right call with the right arguments, and none where none was asked for."""

from typing import Any

import pytest

from agentd.engine.providers import AgentText
from tests.unit.engine.think.conftest import Declaration, Made, MakeTalk

LIVING, KITCHEN, BEDROOM, OFFICE = "living room", "kitchen", "bedroom", "office"


def light(room: str, **given: Any) -> tuple[str, dict[str, Any]]:
    return "set_light", {"room": room, **given}


def state(**given: Any) -> tuple[str, dict[str, Any]]:
    return "get_home_state", given


def timer(minutes: float, **given: Any) -> tuple[str, dict[str, Any]]:
    return "set_timer", {"minutes": minutes, **given}


CALLS = [
    ("what time is it", ("get_time", {})),
    ("What time is it?", ("get_time", {})),
    ("tell me the time please", ("get_time", {})),
    ("do you know what time it is", ("get_time", {})),
    ("what's the date today", ("get_date", {"day": "today"})),
    ("what day is it tomorrow", ("get_date", {"day": "tomorrow"})),
    ("alexa what year is it", ("get_date", {"day": "today"})),
    ("set a timer for ten minutes", timer(10)),
    ("Set a timer for 10 minutes.", timer(10)),
    ("set a tea timer for three and a half minutes", timer(3.5, name="tea")),
    ("set a pasta timer for 8 minutes", timer(8, name="pasta")),
    ("set a timer for an hour and a half", timer(90)),
    ("set a timer for ninety seconds", timer(1.5)),
    ("could you set a timer for half an hour please", timer(30)),
    ("i need a timer for five minutes", timer(5)),
    ("set a timer for ten", timer(10)),
    ("stop the timer", ("cancel_timer", {})),
    ("cancel the pizza timer", ("cancel_timer", {"name": "pizza"})),
    ("turn off the timer", ("cancel_timer", {})),
    ("which timers are running", ("list_timers", {})),
    ("how much time is left on the timer", ("list_timers", {})),
    ("turn on the living room lamp", light(LIVING, light="lamp", on=True)),
    ("switch everything off in the kitchen", light(KITCHEN, on=False)),
    ("turn everything off", light("everywhere", on=False)),
    ("lights off in the bedroom", light(BEDROOM, light="lights", on=False)),
    ("Kitchen lights off.", light(KITCHEN, light="lights", on=False)),
    ("kill the lights in the office", light(OFFICE, light="lights", on=False)),
    ("put the lights out in the hallway", light("hallway", light="lights", on=False)),
    ("could you please turn the bathroom light on", light("bathroom", light="lights", on=True)),
    ("in the kitchen turn on the lamp", light(KITCHEN, light="lamp", on=True)),
    ("i want the lights off in the office", light(OFFICE, light="lights", on=False)),
    ("turn on the ceiling light in the office", light(OFFICE, light="ceiling light", on=True)),
    ("dim the bedroom lights to 30 percent", light(BEDROOM, light="lights", brightness=30)),
    ("Dim the bedroom lights to 30%.", light(BEDROOM, light="lights", brightness=30)),
    ("set the kitchen light to half brightness", light(KITCHEN, light="lights", brightness=50)),
    ("turn on the lights everywhere", light("everywhere", light="lights", on=True)),
    ("make it 21 degrees in the bedroom", ("set_heating", {"room": BEDROOM, "temperature": 21})),
    ("Make it 21° in the bedroom", ("set_heating", {"room": BEDROOM, "temperature": 21})),
    ("set the bedroom to twenty one and a half degrees", ("set_heating", {"room": BEDROOM, "temperature": 21.5})),
    ("set the heating in the office to nineteen point five degrees", ("set_heating", {"room": OFFICE, "temperature": 19.5})),
    ("close the blinds in the office", ("set_blinds", {"room": OFFICE, "position": "closed"})),
    ("open all the blinds", ("set_blinds", {"room": "everywhere", "position": "open"})),
    ("half open the blinds in the kitchen", ("set_blinds", {"room": KITCHEN, "position": "half open"})),
    ("raise the blinds in the bedroom", ("set_blinds", {"room": BEDROOM, "position": "open"})),
    ("lower the blinds in the bedroom", ("set_blinds", {"room": BEDROOM, "position": "closed"})),
    ("is the lamp in the kitchen on", state(room=KITCHEN, device="lights")),
    ("is the kitchen light on", state(room=KITCHEN, device="lights")),
    ("are the lights on", state(device="lights")),
    ("how warm is it in the living room", state(room=LIVING, device="heating")),
    ("what is the state of the bedroom", state(room=BEDROOM)),
]

MISHEARD = [
    ("Turn on the living room lamb.", light(LIVING, light="lamp", on=True)),
    ("Turn on the leaving room lamp.", light(LIVING, light="lamp", on=True)),
    ("turn on the living room lap", light(LIVING, light="lamp", on=True)),
    ("turn the lights on in the bed room", light(BEDROOM, light="lights", on=True)),
    ("switch off the hall way light", light("hallway", light="lights", on=False)),
    ("turn the light of in the kitchen", light(KITCHEN, light="lights", on=False)),
    ("turn of the kitchen light", light(KITCHEN, light="lights", on=False)),
    ("clothes the blinds in the living room", ("set_blinds", {"room": LIVING, "position": "closed"})),
    ("close the blind in the living room", ("set_blinds", {"room": LIVING, "position": "closed"})),
    ("sit a timer for ten minutes", timer(10)),
    ("set a time for ten minutes", timer(10)),
    ("set a timer for 10 minute", timer(10)),
    ("turn turn on the living room lamp", light(LIVING, light="lamp", on=True)),
    ("Um, turn on, uh, the living room lamp.", light(LIVING, light="lamp", on=True)),
]

NO_CALLS = [
    "ask not what your country can do for you",
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
    "how old is the brooklyn bridge",
    "mend the coat before you go out",
    "quit",
    "the birch canoe slid on the smooth planks",
    "four queen of clubs",
    "eight of spades four of clubs seven of hearts",
    "go forward ten meters",
    "go somewhere and do something",
    "it was my reports from the north which chiefly induced people to buy",
    "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do for them",
    "the child almost hurt the small dog",
    "at that high level the air is pure",
    "sunday is the best part of the week",
    "canned pears lack full flavor",
    "two thirty p m",
    "2:30 p.m.",
    "Men the coat before you go out.",
    "Can pairs lack full flavor.",
    "mountain view",
    "today",
    "two people",
    "please may i have a noodle soup with milk and bread",
    "this is a test",
    "what is the capital of france",
    "tell me a joke",
    "what time do you close",
    "it's about time",
    "i had a great time in the kitchen",
    "the timer is set for ten minutes",
    "he turned on the lamp in the kitchen",
    "the lights are on in the kitchen",
    "it is too dark in the kitchen",
    "the living room lamp was a present",
    "don't turn on the kitchen lamp",
    "never turn on the kitchen lamp",
    "turn on the kitchen lamp when i come home",
    "turn on the kitchen lamp in ten minutes",
    "turn on the kitchen lamp at seven",
    "turn off the heating in the kitchen",
    "turn off the tv in the living room",
    "turn on the coffee machine in the kitchen",
    "set the oven in the kitchen to 200 degrees",
    "close the window in the office",
    "buy a lamp for the kitchen",
    "where is the kitchen",
    "what is a timer",
    "",
    "   ",
    "...",
    "hm",
]


@pytest.mark.parametrize(("said", "call"), CALLS)
def test_a_command_or_question_makes_the_call_it_asks_for(
    talk: MakeTalk, shipped: list[Declaration], said: str, call: Made
) -> None:
    assert talk(shipped).calls(said) == [call]


@pytest.mark.parametrize(("said", "call"), MISHEARD)
def test_what_a_recogniser_makes_of_it_is_repaired_from_the_vocabulary_at_hand(
    talk: MakeTalk, shipped: list[Declaration], said: str, call: Made
) -> None:
    assert talk(shipped).calls(said) == [call]


@pytest.mark.parametrize("said", NO_CALLS)
def test_what_was_not_asked_for_is_not_called(talk: MakeTalk, shipped: list[Declaration], said: str) -> None:
    conversation = talk(shipped)

    assert conversation.calls(said) == []
    assert isinstance(conversation.messages[-1], AgentText), "the agent says something rather than nothing"
    assert "matcher" not in conversation.session or conversation.session["matcher"].pending is None, "nothing is asked back"


def test_two_rooms_in_one_command_are_two_calls(talk: MakeTalk, shipped: list[Declaration]) -> None:
    assert talk(shipped).calls("turn on the kitchen and bedroom lamp") == [
        light(KITCHEN, light="lamp", on=True),
        light(BEDROOM, light="lamp", on=True),
    ]


def test_the_order_of_the_declarations_does_not_change_what_is_understood(talk: MakeTalk, shipped: list[Declaration]) -> None:
    for said, call in CALLS:
        assert talk(shipped[::-1]).calls(said) == [call], said


def test_the_same_words_always_give_the_same_call(talk: MakeTalk, shipped: list[Declaration]) -> None:
    first = [talk(shipped).calls(said) for said, _ in CALLS]

    assert first == [talk(shipped).calls(said) for said, _ in CALLS]
