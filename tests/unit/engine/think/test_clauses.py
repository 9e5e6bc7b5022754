"""Several commands in one sentence, and quantities as they are said."""

from typing import Any

import pytest

from tests.unit.engine.think.conftest import Declaration, Made, MakeTalk

SEVERAL: list[tuple[str, str, list[Made]]] = [
    (
        "shipped",
        "set a timer for eight minutes and another one for fifteen minutes",
        [("set_timer", {"minutes": 8}), ("set_timer", {"minutes": 15})],
    ),
    (
        "shipped",
        "turn off the kitchen lights and set a timer for five minutes",
        [("set_light", {"room": "kitchen", "light": "lights", "on": False}), ("set_timer", {"minutes": 5})],
    ),
    (
        "shipped",
        "close the blinds in the office, turn on the bedroom lamp and tell me the time",
        [
            ("set_blinds", {"room": "office", "position": "closed"}),
            ("set_light", {"room": "bedroom", "light": "lamp", "on": True}),
            ("get_time", {}),
        ],
    ),
    (
        "shipped",
        "turn on the lamp in the kitchen and in the office",
        [
            ("set_light", {"room": "kitchen", "light": "lamp", "on": True}),
            ("set_light", {"room": "office", "light": "lamp", "on": True}),
        ],
    ),
    (
        "shipped",
        "set the bedroom to 20 and the office to 18 degrees",
        [("set_heating", {"room": "bedroom", "temperature": 20}), ("set_heating", {"room": "office", "temperature": 18})],
    ),
    (
        "shipped",
        "turn the kitchen lights on and the bedroom lights off",
        [
            ("set_light", {"room": "kitchen", "light": "lights", "on": True}),
            ("set_light", {"room": "bedroom", "light": "lights", "on": False}),
        ],
    ),
    ("shipped", "what time is it and what's the date", [("get_time", {}), ("get_date", {"day": "today"})]),
    (
        "shipped",
        "open the blinds in the bedroom and then turn off the bedroom lamp",
        [
            ("set_blinds", {"room": "bedroom", "position": "open"}),
            ("set_light", {"room": "bedroom", "light": "lamp", "on": False}),
        ],
    ),
    ("shipped", "cancel the timer and set a new one for twenty minutes", [("cancel_timer", {}), ("set_timer", {"minutes": 20})]),
    (
        "shipped",
        "turn on the kitchen light and close the blinds there",
        [
            ("set_light", {"room": "kitchen", "light": "lights", "on": True}),
            ("set_blinds", {"room": "kitchen", "position": "closed"}),
        ],
    ),
    (
        "shipped",
        "set a tea timer for three minutes and a pizza timer for twelve minutes",
        [("set_timer", {"minutes": 3, "name": "tea"}), ("set_timer", {"minutes": 12, "name": "pizza"})],
    ),
    (
        "shipped",
        "heat the office to twenty one degrees and turn the office lights on please",
        [
            ("set_heating", {"room": "office", "temperature": 21}),
            ("set_light", {"room": "office", "light": "lights", "on": True}),
        ],
    ),
    (
        "shipped",
        "turn off the lights in the bathroom, the hallway and the kitchen",
        [
            ("set_light", {"room": "bathroom", "light": "lights", "on": False}),
            ("set_light", {"room": "hallway", "light": "lights", "on": False}),
            ("set_light", {"room": "kitchen", "light": "lights", "on": False}),
        ],
    ),
    (
        "shipped",
        "turn everything off in the living room and close the blinds in the living room",
        [("set_light", {"room": "living room", "on": False}), ("set_blinds", {"room": "living room", "position": "closed"})],
    ),
    (
        "library",
        "return dune and renew the loan of emma by two weeks",
        [("return_book", {"title": "dune"}), ("renew_loan", {"title": "emma", "weeks": 2})],
    ),
    (
        "household",
        "lock the front door and unlock the garage",
        [("lock_door", {"door": "front door", "locked": True}), ("lock_door", {"door": "garage", "locked": False})],
    ),
    (
        "household",
        "set the volume to 20 and play some jazz",
        [("set_volume", {"percent": 20}), ("play_music", {"query": "jazz"})],
    ),
    ("household", "add milk and eggs to the shopping list", [("add_to_shopping_list", {"item": "milk and eggs"})]),
    (
        "household",
        "send a message to Anna saying turn on the heating and close the blinds",
        [("send_message", {"to": "Anna", "text": "turn on the heating and close the blinds"})],
    ),
    (
        "clinic",
        "set the date to next friday and the time to half past ten am",
        [("set_date", {"date": "2026-12-04"}), ("set_time", {"time": "10:30"})],
    ),
    (
        "robot",
        "go forward two meters and turn left ninety degrees",
        [("move", {"direction": "forward", "meters": 2}), ("rotate", {"side": "left", "angle": 90})],
    ),
]

SINGLE: list[tuple[str, str, list[Made]]] = [
    ("shipped", "set a timer for 1 1/2 hours", [("set_timer", {"minutes": 90})]),
    ("clinic", "set the date to a week from today", [("set_date", {"date": "2026-12-01"})]),
    ("clinic", "set the date to the 15th", [("set_date", {"date": "2026-12-15"})]),
    (
        "bank",
        "transfer fifty euros from my savings account to my checking account",
        [("transfer_money", {"from_account": "savings account", "to_account": "checking account", "amount": 50})],
    ),
    ("shipped", "set a timer for a quarter of an hour", [("set_timer", {"minutes": 15})]),
    ("shipped", "set a timer for one and a half hours", [("set_timer", {"minutes": 90})]),
    ("shipped", "set a timer for a couple of minutes", [("set_timer", {"minutes": 2})]),
    ("shipped", "set a timer for an hour and fifteen minutes", [("set_timer", {"minutes": 75})]),
    ("shipped", "set a timer for ten and a half minutes", [("set_timer", {"minutes": 10.5})]),
    ("shipped", "set a 10-minute timer", [("set_timer", {"minutes": 10})]),
    ("shipped", "set a 20 minute timer for the pizza", [("set_timer", {"minutes": 20, "name": "pizza"})]),
    ("shipped", "Set the office to 21.5°C.", [("set_heating", {"room": "office", "temperature": 21.5})]),
    ("household", "set an alarm for quarter past seven", [("set_alarm", {"time": "07:15"})]),
    ("household", "set an alarm for 10:30 p.m.", [("set_alarm", {"time": "22:30"})]),
    ("household", "set an alarm for 7 a.m.", [("set_alarm", {"time": "07:00"})]),
    ("household", "set an alarm for seven o'clock tonight", [("set_alarm", {"time": "19:00"})]),
    ("service_desk", "check availability in two days", [("check_availability", {"start_date": "2026-11-26"})]),
    (
        "service_desk",
        "create an appointment for customer 1234 in two days at noon for a review",
        [("create_appointment", {"customer_id": "CUST1234", "date": "2026-11-26T12:00", "service": "Review"})],
    ),
    ("clinic", "set the date to december the twenty first", [("set_date", {"date": "2026-12-21"})]),
    ("clinic", "set the time to 14 30", [("set_time", {"time": "14:30"})]),
    ("bank", "what's my savings account balance", [("get_balance", {"account": "savings account"})]),
    ("bank", "block my credit card please", [("block_card", {"card": "credit card"})]),
    ("cards", "play the queen of hearts", [("play_card", {"rank": "queen", "suit": "hearts"})]),
    ("cards", "deal five cards", [("deal_cards", {"count": 5})]),
    (
        "shipped",
        "could you switch on the light in the hallway",
        [("set_light", {"room": "hallway", "light": "lights", "on": True})],
    ),
    ("shipped", "shut the blinds in the bedroom", [("set_blinds", {"room": "bedroom", "position": "closed"})]),
    ("shipped", "make the living room 22 degrees", [("set_heating", {"room": "living room", "temperature": 22})]),
    ("shipped", "turn the heating in the office up to 23 degrees", [("set_heating", {"room": "office", "temperature": 23})]),
    ("shipped", "turn down the heating in the office to 17 degrees", [("set_heating", {"room": "office", "temperature": 17})]),
    (
        "shipped",
        "dim the lights in the living room to twenty five percent",
        [("set_light", {"room": "living room", "light": "lights", "brightness": 25})],
    ),
    ("shipped", "is the bedroom lamp still on", [("get_home_state", {"room": "bedroom", "device": "lights"})]),
    ("shipped", "are the blinds in the office closed", [("get_home_state", {"room": "office", "device": "blinds"})]),
    ("shipped", "how much longer does the timer run", [("list_timers", {})]),
    ("shipped", "all lights off", [("set_light", {"room": "everywhere", "light": "lights", "on": False})]),
    ("shipped", "lights out in the office please", [("set_light", {"room": "office", "light": "lights", "on": False})]),
    ("shipped", "what's the temperature in the bedroom", [("get_home_state", {"room": "bedroom", "device": "heating"})]),
]


@pytest.mark.parametrize(("functions", "said", "calls"), SEVERAL)
def test_each_command_of_a_sentence_is_called_in_the_order_said(
    request: pytest.FixtureRequest, talk: MakeTalk, functions: str, said: str, calls: list[Made]
) -> None:
    assert talk(request.getfixturevalue(functions)).calls(said) == calls


@pytest.mark.parametrize(("functions", "said", "calls"), SINGLE)
def test_a_command_is_called_however_its_values_are_put(
    request: pytest.FixtureRequest, talk: MakeTalk, functions: str, said: str, calls: list[Made]
) -> None:
    assert talk(request.getfixturevalue(functions)).calls(said) == calls


def test_what_is_understood_is_done_and_the_rest_is_said(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"set_light": "The kitchen lamp is on."})

    answer = conversation.says("turn on the kitchen lamp and make me a coffee")

    assert answer == 'The kitchen lamp is on. I did not understand "make me a coffee".'


def test_what_one_command_lacks_is_asked_for_after_the_others_are_done(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"set_light": "The kitchen lamp is on."})

    assert conversation.says("turn on the kitchen lamp and set a timer") == "The kitchen lamp is on. For how long?"
    assert conversation.calls("ten minutes") == [("set_timer", {"minutes": 10})]


def test_two_questions_are_asked_one_after_the_other(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"set_timer": "Your timer is set."})

    assert conversation.says("set a timer and turn on the ceiling light") == "For how long?"
    assert conversation.says("ten minutes").startswith("Your timer is set. Which room")
    assert conversation.calls("the office") == [("set_light", {"light": "ceiling light", "on": True, "room": "office"})]


@pytest.mark.parametrize(
    "said",
    [
        "turn on the kitchen lamp and when i come home turn on the bedroom lamp",
        "turn on the kitchen lamp but don't close the blinds and never open them",
        "i turned on the kitchen lamp and closed the blinds",
        "he is in the office and she is in the kitchen",
        "turn on the kitchen lamp and he closed the blinds in the office",
    ],
)
def test_a_condition_a_ban_or_a_report_in_one_part_keeps_all_from_being_called(
    request: pytest.FixtureRequest, talk: MakeTalk, said: str
) -> None:
    assert talk(request.getfixturevalue("shipped")).calls(said) == []


LEMONADE, BREAD, MARGHERITA = "lemonade", "garlic bread", "margherita pizza"


@pytest.mark.parametrize(
    ("said", "ordered"),
    [
        ("I would like a lemonade", [{"dish": LEMONADE}]),
        ("I would like two lemonades and a garlic bread", [{"dish": LEMONADE, "quantity": 2}, {"dish": BREAD}]),
        ("two lemonades and a garlic bread please", [{"dish": LEMONADE, "quantity": 2}, {"dish": BREAD}]),
        ("I would like a margherita pizza and two lemonades", [{"dish": MARGHERITA}, {"dish": LEMONADE, "quantity": 2}]),
        (
            "add two large margherita pizzas and three lemonades",
            [{"dish": MARGHERITA, "quantity": 2, "size": "large"}, {"dish": LEMONADE, "quantity": 3}],
        ),
        (
            "I would like a lemonade and two garlic breads and a margherita pizza",
            [{"dish": LEMONADE}, {"dish": BREAD, "quantity": 2}, {"dish": MARGHERITA}],
        ),
        ("I would like a holiday", []),
        ("I would like some help", []),
    ],
)
def test_each_thing_has_the_number_that_was_said_of_it(
    talk: MakeTalk, order_line: list[Declaration], said: str, ordered: list[dict[str, Any]]
) -> None:
    assert talk(order_line).calls(said) == [("add_item", item) for item in ordered]
