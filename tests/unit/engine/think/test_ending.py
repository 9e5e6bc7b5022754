"""When a sentence is over, while its speaker is silent: never before its call is certain, and soon once it is."""

from dataclasses import replace
from typing import Any

import pytest

from agentd.engine.providers import AgentText, Ending, ThinkRequest, UserText
from agentd.engine.think.matcher.ending import ending
from agentd.engine.think.matcher.pending import pending_call
from tests.unit.engine.think.conftest import Declaration, MakeTalk

CLOSED = {
    "shipped": [
        "what time is it",
        "What time is it?",
        "do you know what time it is",
        "What is the date today?",
        "What day is it tomorrow?",
        "what's the date today",
        "Turn on the living room lamp.",
        "turn on the living room lamp please",
        "turn the kitchen lights off",
        "Kitchen lights off.",
        "lights off in the bedroom",
        "could you please turn the bathroom light on",
        "switch everything off in the kitchen",
        "kill the lights in the office",
        "turn on the lights everywhere",
        "Dim the bedroom lights to 30 percent.",
        "Dim the bedroom lights to 30%.",
        "Set the bedroom heating to 21 degrees.",
        "Make the office nineteen and a half degrees.",
        "make it 21 degrees in the bedroom",
        "Close the blinds in the living room.",
        "Open all the blinds.",
        "raise the blinds in the bedroom",
        "Is the kitchen light on?",
        "is the lamp in the kitchen on",
        "What is the state of the bedroom?",
        "Set a timer for ten minutes.",
        "set a timer for half an hour",
        "set a timer for an hour and a half",
        "Set a tea timer for three and a half minutes.",
        "i need a timer for five minutes",
        "Which timers are running?",
        "How long is left on the timer?",
        "Cancel the timer.",
        "Stop the pizza timer.",
    ],
    "clinic": [
        "set the date to the third of May",
        "set the time to two thirty p m",
        "schedule the appointment",
        "clear the appointment",
    ],
    "service_desk": [
        "find customer one two three four",
        "show me the orders of customer 1234",
        "end the call",
    ],
    "library": ["what loans are overdue"],
    "household": [
        "remind me to call mum at six pm",
        "add milk to the shopping list",
        "lock the front door",
        "unlock the garage",
        "close the right shutter halfway",
        "start a countdown of two minutes and thirty seconds",
    ],
    "robot": ["go forward ten meters", "turn left ninety degrees"],
    "bank": [
        "what is the balance of my checking account",
        "block my credit card",
    ],
    "cards": ["play the queen of clubs", "play the four of hearts"],
}
"""Whole sentences that end soon, by the functions they are said to."""

LONG = {
    "shipped": ["set a timer for ten", "are the lights on", "turn everything off", "turn off all the lights in the kitchen"],
    "library": [
        "Lend the book The Hobbit to Anna for four weeks.",
        "lend the lord of the rings to Tom",
        "return dune",
        "list the loans of maria",
        "book the attic on friday at ten am for ninety minutes",
    ],
    "clinic": ["set the patient name to John Smith", "set the reason to back pain", "set M R N to 1 2 3 4 5"],
    "service_desk": [
        "look up the customer with the phone number five five five one two",
        "create an appointment for customer 1234 tomorrow at ten for a consultation",
    ],
    "household": [
        "what is the weather like in New York",
        "send a message to Anna saying I'm late",
        "set an alarm for seven thirty",
        "order a large pizza with ham and olives",
        "set the volume to 40",
    ],
}
"""Whole sentences that cannot be told from their beginnings: a title, a number, a list may always go on."""


def asked(functions: list[Declaration], **given: Any) -> ThinkRequest:
    return replace(ThinkRequest("", (), tuple(functions), {}), **given)


EVERY = [(name, said) for table in (CLOSED, LONG) for name, sentences in table.items() for said in sentences]


@pytest.mark.parametrize(("functions", "said"), EVERY)
def test_no_beginning_of_a_sentence_is_closed_that_would_call_something_else(
    request: pytest.FixtureRequest, talk: MakeTalk, functions: str, said: str
) -> None:
    declared = request.getfixturevalue(functions)
    whole, words = talk(declared).calls(said), said.rstrip(".?").split()

    for size in range(1, len(words)):
        beginning = " ".join(words[:size])
        if ending(beginning, asked(declared)) is Ending.CLOSED:
            assert talk(declared).calls(beginning) == whole, beginning


@pytest.mark.parametrize(("functions", "said"), [(name, said) for name, table in CLOSED.items() for said in table])
def test_a_whole_command_or_question_is_closed(request: pytest.FixtureRequest, functions: str, said: str) -> None:
    assert ending(said, asked(request.getfixturevalue(functions))) is Ending.CLOSED


@pytest.mark.parametrize(
    "said",
    [
        "turn on the",
        "Turn on the.",
        "turn on",
        "turn",
        "set",
        "close the",
        "turn on the kitchen lamp and",
        "turn on the kitchen lamp,",
        "turn on the kitchen lamp...",
        "turn on the kitchen lamp when",
        "turn the lamp on in",
        "turn on the lamp",
        "turn on the living",
        "turn the kitchen lights",
        "close the blinds",
        "dim the kitchen lights",
        "set a timer",
        "Set a timer.",
        "set a timer for",
        "set a timer for ten",
        "set a timer for 10",
        "set the heating in the bedroom to",
        "set the heating in the bedroom",
        "what is the",
        "what time is",
        "what's",
        "could you",
        "could you please",
        "i want to",
        "if it rains",
        "if i come home late",
        "um",
        "the state of",
        "i'm",
        "she has been",
        "i was looking for my",
    ],
)
def test_what_lacks_something_is_unfinished(shipped: list[Declaration], said: str) -> None:
    assert ending(said, asked(shipped)) is Ending.UNFINISHED


@pytest.mark.parametrize(
    "said",
    [
        "",
        "turn on the living room",
        "leave the kitchen lights",
        "what time",
        "hello",
        "no",
        "yes",
        "stop",
        "cancel",
        "the birch canoe slid on the smooth planks",
        "sunday is the best part of the week",
        "canned pears lack full flavor",
        "this is a test",
        "mountain view",
        "two people",
        "today",
        "ten minutes",
        "how old is the brooklyn bridge",
        "mend the coat before you go out",
        "turn on the kitchen lamp when i come home",
        "i don't",
        "what is that for",
    ],
)
def test_everything_else_is_open(shipped: list[Declaration], said: str) -> None:
    assert ending(said, asked(shipped)) is Ending.OPEN


@pytest.mark.parametrize(
    "said",
    ["thank you", "Thanks!", "thank you very much", "never mind", "Goodbye.", "what can you do", "say that again", "who are you"],
)
def test_whole_small_talk_is_closed(shipped: list[Declaration], said: str) -> None:
    assert ending(said, asked(shipped)) is Ending.CLOSED
    assert ending(said, asked([])) is Ending.CLOSED


@pytest.mark.parametrize("said", ["yes", "Yes, please.", "no", "no thanks", "okay", "never mind"])
def test_yes_and_no_close_a_turn_only_after_a_question(shipped: list[Declaration], said: str) -> None:
    question = asked(shipped, messages=(AgentText("Shall I open the garage?"),))

    assert ending(said, question) is Ending.CLOSED
    if "thanks" not in said and "mind" not in said:
        assert ending(said, asked(shipped, messages=(AgentText("The lamp is on."),))) is Ending.OPEN


@pytest.mark.parametrize(
    ("command", "answer", "judged"),
    [
        ("turn on the lamp", "the kitchen", Ending.CLOSED),
        ("turn on the lamp", "in the kitchen please", Ending.CLOSED),
        ("turn on the lamp", "the living", Ending.UNFINISHED),
        ("turn on the lamp", "in the", Ending.UNFINISHED),
        ("turn on the lamp", "well let me think", Ending.OPEN),
        ("turn the kitchen lights", "off", Ending.CLOSED),
        ("set a timer", "ten minutes", Ending.CLOSED),
        ("set a timer", "ten", Ending.OPEN),
        ("set a timer", "for", Ending.UNFINISHED),
        ("set a timer", "two hours", Ending.OPEN),
        ("make the bedroom warmer", "twenty two degrees", Ending.CLOSED),
        ("make the bedroom warmer", "22", Ending.CLOSED),
        ("make the bedroom warmer", "twenty", Ending.OPEN),
        ("make the bedroom warmer", "never mind", Ending.CLOSED),
    ],
)
def test_an_answer_is_judged_by_the_question(
    talk: MakeTalk, shipped: list[Declaration], command: str, answer: str, judged: Ending
) -> None:
    conversation = talk(shipped)
    conversation.says(command)
    request = asked(shipped, messages=tuple(conversation.messages), session=conversation.session)
    waiting = pending_call(conversation.session)

    assert ending(answer, request) is judged
    assert pending_call(conversation.session) == waiting, "nothing is answered by judging"


def test_the_same_words_are_judged_alike_whatever_was_judged_before(shipped: list[Declaration]) -> None:
    sentences = CLOSED["shipped"]
    first = [ending(said, asked(shipped)) for said in sentences]

    assert first == [ending(said, asked(shipped)) for said in reversed(sentences)][::-1]


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        ("turn off the kitchen lights and set a timer for five minutes", Ending.CLOSED),
        ("turn off the kitchen lights and set a timer for", Ending.UNFINISHED),
        ("turn off the kitchen lights and set a timer", Ending.UNFINISHED),
        ("turn off the kitchen lights and", Ending.UNFINISHED),
        ("turn off the kitchen lights and make me a coffee", Ending.OPEN),
        ("set the bedroom to 20 and the office to 18 degrees", Ending.CLOSED),
        ("set the bedroom to 20 and the office to 18", Ending.OPEN),
    ],
)
def test_of_several_commands_the_last_decides(shipped: list[Declaration], said: str, judged: Ending) -> None:
    assert ending(said, asked(shipped)) is judged


@pytest.mark.parametrize(
    ("before", "said", "judged"),
    [
        ("turn on the kitchen lamp", "turn it off again", Ending.CLOSED),
        ("turn on the kitchen lamp", "turn it", Ending.UNFINISHED),
        ("turn on the kitchen lamp", "and the bedroom too", Ending.CLOSED),
        ("turn on the kitchen lamp", "and the bedroom", Ending.OPEN),
        ("turn on the kitchen lamp", "and the", Ending.UNFINISHED),
        ("set the bedroom heating to 21 degrees", "two degrees warmer", Ending.CLOSED),
        ("set the bedroom heating to 21 degrees", "two degrees", Ending.OPEN),
        ("set the bedroom heating to 21 degrees", "make it 22", Ending.OPEN),
        ("set a timer for ten minutes", "cancel it", Ending.CLOSED),
    ],
)
def test_what_leans_on_the_calls_before_is_judged_with_them(
    talk: MakeTalk, shipped: list[Declaration], before: str, said: str, judged: Ending
) -> None:
    conversation = talk(shipped)
    conversation.says(before)

    assert ending(said, asked(shipped, messages=tuple(conversation.messages))) is judged


def test_the_end_of_what_was_cut_off_is_judged_with_its_beginning(shipped: list[Declaration]) -> None:
    request = asked(shipped, messages=(UserText("turn on the"),))

    assert ending("living room lamp", request) is Ending.CLOSED
    assert ending("living room lamp", asked(shipped)) is Ending.OPEN
