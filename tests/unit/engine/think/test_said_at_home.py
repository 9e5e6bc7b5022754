"""What people say at home to the functions that ship, as recognisers write it down: without punctuation."""

from typing import Any

import pytest

from tests.unit.engine.think.conftest import Declaration, Made, MakeTalk


def call(function: str, /, **arguments: Any) -> Made:
    return function, arguments


CALLS: list[tuple[str, list[Made]]] = [
    ("timer for three minutes please", [call("set_timer", minutes=3)]),
    ("i need a timer for the eggs six minutes", [call("set_timer", minutes=6, name="eggs")]),
    ("set a timer for ten minutes no fifteen", [call("set_timer", minutes=15)]),
    ("how many minutes are left on my pizza timer", [call("list_timers")]),
    ("cancel my pizza timer", [call("cancel_timer", name="pizza")]),
    ("remind me to call mum at six", [call("set_reminder", time="06:00", text="call mum")]),
    (
        "can you remind me to put the chicken in the oven at half past five pm",
        [call("set_reminder", time="17:30", text="put the chicken in the oven")],
    ),
    ("remind me to turn on the light at eight", [call("set_reminder", time="08:00", text="turn on the light")]),
    (
        "remind me at noon to add milk to the shopping list",
        [call("set_reminder", time="12:00", text="add milk to the shopping list")],
    ),
    ("cancel the reminder about the dentist", [call("cancel_reminder", subject="dentist")]),
    ("could you add a dozen eggs to the shopping list", [call("add_to_list", list_name="shopping", items=["dozen eggs"])]),
    (
        "add milk and turn on the light in the kitchen",
        [call("add_to_list", items=["milk"]), call("set_light", light="lights", room="kitchen", on=True)],
    ),
    (
        "add milk and turn off the kitchen lamp",
        [call("add_to_list", items=["milk"]), call("set_light", room="kitchen", light="lamp", on=False)],
    ),
    (
        "add milk and bread to the shopping list and set a timer for ten minutes",
        [call("add_to_list", list_name="shopping", items=["milk", "bread"]), call("set_timer", minutes=10)],
    ),
    ("remove eggs and cheese from the shopping list", [call("remove_from_list", list_name="shopping", items=["eggs", "cheese"])]),
    ("take a note the meter reads 4711", [call("take_note", text="the meter reads 4711")]),
    ("take a note: the meter reads 4711", [call("take_note", text="the meter reads 4711")]),
    ("take a note the plumber comes on thursday at nine", [call("take_note", text="the plumber comes on thursday at nine")]),
    ("note that the wifi password is sunshine", [call("take_note", text="the wifi password is sunshine")]),
    ("note down that a parcel comes tomorrow", [call("take_note", text="a parcel comes tomorrow")]),
    ("write this down the code for the gate is 1234", [call("take_note", text="the code for the gate is 1234")]),
    ("take a note my sister arrives at six", [call("take_note", text="my sister arrives at six")]),
    ("what did i note about the meter", [call("read_notes", subject="meter")]),
    ("what's the weather going to be like tomorrow", [call("get_weather", when="tomorrow")]),
    ("is it going to snow", [call("get_weather")]),
    ("what's the time", [call("get_time")]),
    ("could you tell me the time", [call("get_time")]),
    ("what's today's date", [call("get_date", day="today")]),
    ("which day is it today", [call("get_date", day="today")]),
    ("how long till christmas", [call("look_up_date", date="2026-12-25")]),
    ("what day of the week is the fourth of july", [call("look_up_date", date="2027-07-04")]),
    ("what's 350 fahrenheit in celsius", [call("convert_units", from_unit="fahrenheit", to_unit="celsius", amount=350)]),
    ("how many ounces are there in a pound", [call("convert_units", from_unit="pounds", to_unit="ounces")]),
    ("how many seconds are there in an hour", [call("convert_units", from_unit="hours", to_unit="seconds")]),
    ("how many cups in a litre", [call("convert_units", from_unit="liters", to_unit="cups")]),
    ("bye for now", [call("end_conversation")]),
    ("that's all thank you", [call("end_conversation")]),
    ("put me through to support", [call("hand_over", agent="support")]),
    ("transfer me to support", [call("hand_over", agent="support")]),
    ("turn on the light in the kitchen no the bedroom", [call("set_light", light="lights", room="bedroom", on=True)]),
    ("could you maybe possibly turn on the kitchen lamp", [call("set_light", room="kitchen", light="lamp", on=True)]),
    ("hey there turn off the bedroom lights", [call("set_light", room="bedroom", light="lights", on=False)]),
    ("be a dear and turn off the bedroom lights", [call("set_light", room="bedroom", light="lights", on=False)]),
    ("what's on in the kitchen", [call("get_home_state", room="kitchen")]),
    ("can i have a five minute timer", [call("set_timer", minutes=5)]),
    ("set a tea timer for four minutes", [call("set_timer", name="tea", minutes=4)]),
    ("stop the laundry timer", [call("cancel_timer", name="laundry")]),
    (
        "remind me to close the blinds and lock the door at nine pm",
        [call("set_reminder", time="21:00", text="close the blinds and lock the door")],
    ),
    ("remove the reminder about the oven", [call("cancel_reminder", subject="oven")]),
    ("i need you to add onions to the shopping list", [call("add_to_list", list_name="shopping", items=["onions"])]),
    (
        "add eggs and close the blinds in the kitchen",
        [call("add_to_list", items=["eggs"]), call("set_blinds", room="kitchen", position="closed")],
    ),
    ("read me the shopping list please", [call("read_list", list_name="shopping")]),
    ("scratch milk from the shopping list", [call("remove_from_list", list_name="shopping", items=["milk"])]),
    ("take a note the bin lorry comes on mondays", [call("take_note", text="the bin lorry comes on mondays")]),
    ("take a note my shoe size is forty two", [call("take_note", text="my shoe size is forty two")]),
    ("make a note the boiler pressure is 1.5 bar", [call("take_note", text="the boiler pressure is 1.5 bar")]),
    ("is it raining outside", [call("get_weather")]),
    ("what's the time in paris please", [call("get_time", place="paris")]),
    ("how long until new year's eve", [call("look_up_date", date="2026-12-31")]),
    ("how many centimetres are there in a foot", [call("convert_units", from_unit="feet", to_unit="centimeters")]),
    ("what is five foot in metres", [call("convert_units", from_unit="feet", to_unit="meters", amount=5)]),
    ("twelve inches in centimetres", [call("convert_units", from_unit="inches", to_unit="centimeters", amount=12)]),
    ("right that's everything goodbye", [call("end_conversation")]),
    ("could you put me through to billing", [call("hand_over", agent="billing")]),
    (
        "turn the bedroom lamp on and set the bedroom to twenty degrees",
        [call("set_light", room="bedroom", light="lamp", on=True), call("set_heating", room="bedroom", temperature=20)],
    ),
    ("how many seconds are left on the timer", [call("list_timers")]),
    ("take a note i parked on level three", [call("take_note", text="i parked on level three")]),
    (
        "remind me to turn off the oven and close the window in ten minutes",
        [call("set_reminder", minutes=10, text="turn off the oven and close the window")],
    ),
    ("bye bye thank you", [call("end_conversation")]),
    ("one foot in inches", [call("convert_units", from_unit="feet", to_unit="inches")]),
]


@pytest.mark.parametrize(("said", "calls"), CALLS)
def test_it_is_done(talk: MakeTalk, shipped: list[Declaration], said: str, calls: list[Made]) -> None:
    assert talk(shipped).calls(said) == calls


NOTHING = [
    "don't cancel the timer",
    "wake me up in ten minutes",
    "don't remind me",
    "you reminded me already",
    "she reminded me to call mum",
    "we're out of milk",
    "put salt on the chips",
    "i've bought the milk",
    "don't add milk to the list",
    "don't clear the shopping list",
    "nice weather isn't it",
    "i hope it doesn't rain tomorrow",
    "if it rains tomorrow we'll stay at home",
    "how long is a day",
    "how long is a month",
    "how long is a minute",
    "what is a day",
    "how many days are in a year",
    "how many days are there in february",
    "what day do the bins go out",
    "what time does the shop close",
    "it's time to go",
    "i had the time of my life",
    "i ran ten miles",
    "he lost ten pounds",
    "who is the president of france",
    "what's the capital of spain",
    "don't hang up",
    "don't transfer me",
    "don't put me through to billing",
    "i talked to support yesterday",
    "good morning",
    "you're very helpful",
    "are you listening",
    "what's your name",
    "i'm going to bed",
    "i'm home",
    "let's have dinner",
    "do you want to play a game",
    "what do you think about the lights",
    "can you hear me",
    "turn on the light",
    "don't close the blinds in the kitchen",
    "if i said turn on the kitchen lamp what would you do",
    "i would turn on the kitchen lamp",
    "the kids turned on the kitchen lamp",
    "tell the kids to turn off the bedroom lights",
    "ask anna to turn off the kitchen lamp",
    "let the kids turn on the kitchen lamp",
    "please don't stop the timer",
    "my timer is broken",
    "i put bread on the list already",
    "it looks like rain",
    "how long is an hour",
    "how long is a year",
    "how many months are in a year",
    "please don't end the call",
    "my mum says hello",
    "what's the meaning of life",
    "you could turn on the kitchen lamp but you don't have to",
    "switch off the office lights no leave them",
    "i asked anna to close the blinds in the kitchen",
    "the remote turns off the bedroom lights",
    "maybe turn on the kitchen lamp later",
    "how long is a football match",
    "how long is the film",
    "how many hours are there in a day",
    "how often does the bus come",
    "what are we doing tomorrow",
    "what did you do today",
    "what should i wear tomorrow",
    "remind anna to call me",
    "milk from the shopping list",
    "thanks for the help",
    "put me down",
    "support was great",
    "turn the heating down in the office",
]


def test_talk_bans_and_what_others_shall_do_call_nothing(talk: MakeTalk, shipped: list[Declaration]) -> None:
    assert [(said, called) for said in NOTHING if (called := talk(shipped).calls(said))] == []


@pytest.mark.parametrize("said", ["how long is a day", "how many days are in a year", "don't put me through to billing"])
def test_what_nobody_can_answer_is_not_asked_back_either(talk: MakeTalk, shipped: list[Declaration], said: str) -> None:
    assert not talk(shipped).says(said).endswith("?")
