"""Words, their stems and their likeness."""

import pytest

from agentd.engine.think.matcher.near import likeness, nearest
from agentd.engine.think.matcher.words import name_words, split, stem


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("What's the time?", "what is the time"),
        ("I\u2019d like it, don't you?", "i would like it do not you"),
        ("Anna's lamp", "anna's lamp"),
        ("the living-room lamp", "the living room lamp"),
        ("21.5° in the office", "21.5 degrees in the office"),
        ("30%", "30 percent"),
        ("at 10am", "at 10 am"),
        ("two thirty p.m.", "two thirty pm"),
        ("two thirty p m", "two thirty pm"),
        ("set M R N to 5", "set mrn to 5"),
        ("I need a B", "i need a b"),
        ("¿Qué? 你好", "qué 你好"),
        ("...", ""),
    ],
)
def test_a_sentence_is_split_and_spelled_out(said: str, words: str) -> None:
    assert " ".join(word.text for word in split(said)) == words


def test_every_word_knows_where_it_was_said() -> None:
    said = "Turn on the  living-room lamp, please."

    assert [said[word.start : word.end] for word in split(said)] == ["Turn", "on", "the", "living", "room", "lamp", "please"]
    assert [word.pause for word in split(said)] == [False, False, False, False, False, True, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("light", "lights"),
        ("box", "boxes"),
        ("story", "stories"),
        ("close", "closed"),
        ("stop", "stopping"),
        ("cancel", "cancelled"),
        ("remind", "reminding"),
        ("degree", "degrees"),
        ("person", "people"),
    ],
)
def test_forms_of_a_word_share_their_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize("word", ["kitchen", "bus", "glass", "bed", "is", "this"])
def test_what_only_looks_like_an_ending_stays(word: str) -> None:
    assert stem(word) == word


def test_identifiers_are_split_into_words() -> None:
    assert name_words("living_room") == name_words("livingRoom") == name_words("living-room") == ("living", "room")


@pytest.mark.parametrize(
    ("heard", "known"),
    [("lamb", "lamp"), ("lap", "lamp"), ("leavingroom", "livingroom"), ("kitchin", "kitchen"), ("blinz", "blinds")],
)
def test_a_near_miss_is_near(heard: str, known: str) -> None:
    assert likeness(heard, known) >= 0.8


@pytest.mark.parametrize(
    ("heard", "known"),
    [
        ("lamb", "lemon"),
        ("coat", "code"),
        ("tea", "sea"),
        ("bath", "bathroom"),
        ("cat", "car"),
        ("timer", "dinner"),
        ("tv", "tea"),
    ],
)
def test_another_word_is_not(heard: str, known: str) -> None:
    assert likeness(heard, known) == 0


def test_of_two_equally_near_words_none_is_taken() -> None:
    assert nearest("lamp", ["lamb", "lamq"]) is None or nearest("bat", ["cat", "hat"]) is None
    assert nearest("kitchin", ["kitchen", "bathroom"]) == ("kitchen", likeness("kitchin", "kitchen"))
