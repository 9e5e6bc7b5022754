"""Asking back, taking answers, speaking results, and the honest word when nothing fits."""

import pytest

from agentd.engine.providers import CallMade, Say, UserText
from tests.unit.engine.think.conftest import Declaration, MakeTalk

ROOMS = "Which room: living room, kitchen, bedroom, bathroom, hallway, office or everywhere?"


def test_a_missing_argument_is_asked_for_and_the_answer_completes_the_call(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)

    assert conversation.says("turn on the lamp") == ROOMS
    assert conversation.calls("the kitchen please") == [("set_light", {"light": "lamp", "on": True, "room": "kitchen"})]


def test_several_missing_arguments_are_asked_for_one_after_the_other(talk: MakeTalk, library: list[Declaration]) -> None:
    conversation = talk(library)

    assert conversation.says("reserve a room") == "Which room: blue room, green room or attic?"
    assert conversation.says("the blue one") == "On which day?"
    assert conversation.says("on the third of December") == "At what time?"
    assert conversation.calls("half past two") == [
        ("reserve_room", {"room": "blue room", "date": "2026-12-03", "start": "02:30"}),
    ]


def test_an_answer_may_hold_more_than_was_asked_for(talk: MakeTalk, library: list[Declaration]) -> None:
    conversation = talk(library)
    conversation.says("reserve a room")

    assert conversation.calls("the attic tomorrow at noon") == [
        ("reserve_room", {"room": "attic", "date": "2026-11-25", "start": "12:00"}),
    ]


def test_free_text_answers_are_taken_as_said(talk: MakeTalk, library: list[Declaration]) -> None:
    conversation = talk(library)

    assert conversation.says("lend a book") == "What is the title?"
    assert conversation.says("The Hobbit") == "Who is it for?"
    assert conversation.calls("it's for Anna") == [("lend_book", {"title": "The Hobbit", "member": "Anna"})]


@pytest.mark.parametrize("answer", ["ten minutes", "ten", "for ten minutes please", "make it ten minutes", "uh ten minutes"])
def test_a_duration_is_understood_however_the_answer_is_put(talk: MakeTalk, shipped: list[Declaration], answer: str) -> None:
    conversation = talk(shipped)

    assert conversation.says("set a timer") == "For how long?"
    assert conversation.calls(answer) == [("set_timer", {"minutes": 10})]


def test_an_answer_that_was_misheard_is_repaired(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")

    assert conversation.calls("the kitchin") == [("set_light", {"light": "lamp", "on": True, "room": "kitchen"})]


@pytest.mark.parametrize("word", ["never mind", "forget it", "cancel", "no", "stop", "nothing"])
def test_the_user_may_take_the_command_back(talk: MakeTalk, shipped: list[Declaration], word: str) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")

    assert conversation.says(word) == "All right, I leave it."
    assert conversation.calls("the kitchen") == [], "the question is over"


def test_another_command_in_place_of_the_answer_wins(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")

    assert conversation.calls("what time is it") == [("get_time", {})]
    assert conversation.calls("the kitchen") == [], "the question is over"


def test_a_command_that_cannot_be_met_is_not_taken_for_the_answer(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")

    assert conversation.calls("turn off the coffee machine in the kitchen") == []


def test_it_asks_twice_and_then_gives_up(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")

    assert conversation.says("well let me think") == f"I did not get that. {ROOMS}"
    assert "did nothing" in conversation.says("purple monkeys")
    assert conversation.calls("the kitchen") == []


def test_a_value_out_of_range_is_refused_with_the_range(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)

    answer = conversation.says("set the heating in the office to 50 degrees")

    assert answer == "The temperature must be between 5 and 30. What temperature, in degrees?"
    assert conversation.calls("twenty") == [("set_heating", {"room": "office", "temperature": 20})]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("set a timer for zero minutes", "The minutes must be more than 0. For how long?"),
        ("set a timer for two days", "The minutes must be at most 1440. For how long?"),
    ],
)
def test_every_limit_of_the_schema_is_kept(talk: MakeTalk, shipped: list[Declaration], said: str, answer: str) -> None:
    assert talk(shipped).says(said) == answer


def test_brighter_and_warmer_ask_how_much(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)

    assert conversation.says("make the bedroom warmer") == "What temperature, in degrees?"
    assert conversation.calls("22") == [("set_heating", {"room": "bedroom", "temperature": 22})]
    assert conversation.says("dim the kitchen lights") == "What brightness, in percent?"
    assert conversation.says("make it brighter in the office") == "What brightness, in percent?"


def test_a_bare_turn_asks_on_or_off(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)

    assert conversation.says("turn the kitchen lights") == "On or off?"
    assert conversation.calls("off") == [("set_light", {"light": "lights", "room": "kitchen", "on": False})]


def test_a_handler_that_needs_an_answer_gets_it(talk: MakeTalk, shipped: list[Declaration]) -> None:
    asks = '{"say":"Which timer: tea, pizza?","awaiting":"name","note":"Ask the user this, then call cancel_timer again."}'
    conversation = talk(shipped, results={"cancel_timer": asks})

    assert conversation.says("stop the timer") == "Which timer: tea, pizza?"
    assert conversation.calls("the pizza one") == [("cancel_timer", {"name": "pizza"})]


def test_an_answer_outside_the_examples_is_taken_too(talk: MakeTalk, shipped: list[Declaration]) -> None:
    asks = '{"say":"Which timer: tea, ironing?","awaiting":"name"}'
    conversation = talk(shipped, results={"cancel_timer": asks})
    conversation.says("stop the timer")

    assert conversation.calls("the ironing one") == [("cancel_timer", {"name": "ironing"})]


def test_the_result_is_what_is_said(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"set_light": "The kitchen lamp is on.", "get_time": "It is 3:20 PM."})

    assert conversation.says("turn on the kitchen lamp") == "The kitchen lamp is on."
    assert conversation.says("what time is it") == "It is 3:20 PM."


def test_an_error_is_said_and_nothing_is_claimed(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"set_light": "The hub does not answer."})

    assert conversation.says("turn on the kitchen lamp") == "The hub does not answer."


def test_the_results_of_one_round_are_said_in_order(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.messages += [
        UserText("turn on the kitchen and bedroom lamp"),
        CallMade("1", "set_light", {"room": "kitchen"}, "The kitchen lamp is on."),
        CallMade("2", "set_light", {"room": "bedroom"}, "The bedroom lamp is on."),
    ]

    assert conversation.think() == [Say("The kitchen lamp is on."), Say("The bedroom lamp is on.")]


def test_results_of_earlier_turns_are_not_said_again(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"set_light": "The kitchen lamp is on.", "get_time": "It is noon."})
    conversation.says("turn on the kitchen lamp")

    assert conversation.says("what time is it") == "It is noon."


def test_a_history_from_before_a_renewal_is_understood(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.messages += [
        UserText("turn on the kitchen lamp"),
        CallMade("1", "set_light", {"room": "kitchen", "light": "lamp"}, "The kitchen lamp is on."),
    ]

    answer = conversation.says("what did you just do")

    assert answer == "I called set light with room kitchen, light lamp. The answer was: The kitchen lamp is on."


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("hello", "Hello. What can I do for you?"),
        ("Hey there!", "Hello. What can I do for you?"),
        ("thank you very much", "You're welcome."),
        ("okay, thanks", "You're welcome."),
        ("quit", "All right."),
        ("how are you?", "I am ready. What can I do for you?"),
    ],
)
def test_courtesies_are_answered_shortly_and_without_calls(
    talk: MakeTalk, shipped: list[Declaration], said: str, answer: str
) -> None:
    assert talk(shipped).says(said) == answer


@pytest.mark.parametrize("said", ["goodbye", "Good night!", "okay thanks, bye"])
def test_a_farewell_is_returned_where_no_function_has_one_among_its_examples(
    talk: MakeTalk, shipped: list[Declaration], said: str
) -> None:
    others = [function for function in shipped if function["name"] != "end_conversation"]

    assert talk(others).says(said) == "Goodbye."
    assert talk(shipped).calls(said) == [("end_conversation", {})]


def test_a_farewell_calls_what_needs_nothing_else_to_be_said(talk: MakeTalk, shipped: list[Declaration]) -> None:
    (ends,) = (function for function in shipped if function["name"] == "end_conversation")
    words = {"type": "object", "properties": {"words": {"type": "string", "enum": ["thanks", "general"]}}}

    assert talk([ends | {"parameters": words}]).calls("goodbye") == [("end_conversation", {})]
    assert talk([ends | {"parameters": words | {"required": ["words"]}}]).says("goodbye") == "Goodbye."


def test_a_farewell_ends_the_conversation_also_when_an_answer_is_awaited(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    assert conversation.calls("take a note") == []

    assert conversation.calls("goodbye") == [("end_conversation", {})]


def test_say_that_again_repeats_what_was_said(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped, results={"get_time": "It is noon."})
    conversation.says("what time is it")

    assert conversation.says("could you repeat that please") == "It is noon."


def test_help_names_every_ability_where_they_are_few(talk: MakeTalk, shipped: list[Declaration]) -> None:
    few = [function for function in shipped if function["name"] in {"get_time", "set_light", "cancel_timer", "set_blinds"}]
    answer = talk(few).says("what can you do")

    for ability in ("tell the current time", "turn lights on or off", "cancel a running timer", "open or close the blinds"):
        assert ability in answer


def test_what_is_not_understood_is_said_plainly_with_what_comes_near(talk: MakeTalk, shipped: list[Declaration]) -> None:
    answer = talk(shipped).says("turn off the heating in the kitchen")

    assert answer == "I did not understand that, and did nothing. I can set the heating of a room to a temperature."


def test_not_understood_again_is_said_shorter(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    first = conversation.says("the birch canoe slid on the smooth planks")
    second = conversation.says("canned pears lack full flavor")

    assert first.startswith("I did not understand that, and did nothing. I can tell the current time")
    assert second == 'I did not understand that, and did nothing. Say "help" to hear what I can do.'


def test_without_functions_it_says_that_it_can_do_nothing(talk: MakeTalk) -> None:
    assert talk([]).says("turn on the lamp") == (
        "I did not understand that, and did nothing. I have been given no functions, so there is nothing I can do here."
    )


def test_descriptions_written_for_models_are_told_as_abilities(talk: MakeTalk) -> None:
    functions = [
        {"name": "x", "description": "Use this to look up an order."},
        {"name": "y", "description": "Turns the fan on. Needs a room."},
        {"name": "z", "description": "The current exchange rate."},
        {"name": "water_plants"},
    ]

    assert talk(functions).says("help") == (
        "I can look up an order, turn the fan on, tell the current exchange rate, and help with water plants."
    )


def test_a_function_taken_away_while_its_answer_is_awaited_is_not_called(talk: MakeTalk, shipped: list[Declaration]) -> None:
    conversation = talk(shipped)
    conversation.says("turn on the lamp")
    conversation.functions = [function for function in shipped if function["name"] != "set_light"]

    assert conversation.calls("the kitchen") == []
