from typing import Any

import pytest
from structlog.testing import capture_logs

from agentd.functions.templates import Missing, Sentences, render

RESULT = {
    "room": "kitchen",
    "on": True,
    "percent": 40,
    "degrees": 21.50,
    "whole": 21.0,
    "lamps": ["one", "two", "three"],
    "weather": {"sky": "clear"},
    "none": None,
    "empty": [],
}


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("The {room} lamp is at {percent} percent.", "The kitchen lamp is at 40 percent."),
        ("{degrees} and {whole} degrees.", "21.5 and 21 degrees."),
        ("On: {on}.", "On: yes."),
        ("{lamps}.", "one, two and three."),
        ("The sky is {weather.sky}.", "The sky is clear."),
        ("No member, but {{braces}}.", "No member, but {braces}."),
    ],
)
def test_a_sentence_takes_members_of_the_result_as_one_says_them(template: str, sentence: str) -> None:
    assert render(template, RESULT) == sentence


@pytest.mark.parametrize("template", ["{nothing}", "{none}", "{empty}", "{weather}", "{room.name}", "{weather.rain}"])
def test_a_member_that_is_not_there_or_cannot_be_said_makes_no_sentence(template: str) -> None:
    with pytest.raises(Missing):
        render(template, RESULT)


def test_a_sentence_is_never_longer_than_can_be_listened_to() -> None:
    assert len(render("{a}" * 5, {"a": "x" * 900})) == 1000


def test_the_sentence_becomes_the_member_that_is_spoken() -> None:
    assert Sentences().applied("f", "It is {state}.", {"state": "on"}) == {"say": "It is on.", "state": "on"}


@pytest.mark.parametrize("result", ["words", 5, None, {"say": "My own words.", "state": "on"}])
def test_a_result_that_speaks_for_itself_or_is_no_object_stays_as_it_is(result: Any) -> None:
    assert Sentences().applied("f", "It is {state}.", result) == result


def test_a_result_that_lacks_a_member_stands_as_it_is_and_is_told_once() -> None:
    sentences = Sentences()
    with capture_logs() as logs:
        for _ in range(3):
            assert sentences.applied("f", "It is {state}.", {"other": 1}) == {"other": 1}
        sentences.applied("g", "It is {state}.", {"other": 1})
    assert [entry["function"] for entry in logs] == ["f", "g"]
    assert logs[0]["reason"] == "the result has no member state"
