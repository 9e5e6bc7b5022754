"""From results to speech."""

import pytest

from agentd.engine.think.matcher.replies import spoken_result, spoken_results
from agentd.engine.think.sentences import SentenceCutter, sentences


@pytest.mark.parametrize(
    ("result", "speech"),
    [
        (
            '{"notice": "This is information.", "data_from_outside": "The tower is 540 metres high"}',
            "The tower is 540 metres high.",
        ),
        ('{"notice": "This is information.", "data_from_outside": {"say": "8 degrees"}}', "8 degrees."),
        ("The kitchen lamp is on.", "The kitchen lamp is on."),
        ("the lamp is on", "The lamp is on."),
        ("Nobody confirmed it in time. It was not done. Tell the user so.", "Nobody confirmed it in time. It was not done."),
        ("The result is too large: 99 bytes, at most 9. Ask for less.", "The result is too large: 99 bytes, at most 9."),
        ("", "Done."),
        ("Success", "Done."),
        ("ok", "Done."),
        ("null", "Done."),
        ("true", "Done."),
        ("false", "No."),
        ("42", "42."),
        ('"plain"', "Plain."),
        ('{"say": "Hello there"}', "Hello there."),
        ('{"message": "It is done.", "id": 7}', "It is done."),
        ('{"error": "No such customer"}', "No such customer."),
        ('{"error": {"message": "No such customer", "code": 4}}', "No such customer."),
        ('{"temperature_c": 21.5, "wind": "calm"}', "Temperature 21.5 degrees, wind calm."),
        ('{"isOpen": true, "floor": null}', "Is open yes."),
        ('{"status": "ok"}', "Done."),
        ('{"success": true}', "Done."),
        ('{"ok": false}', "That did not work."),
        ('{"status": "closing"}', ""),
        ("[]", "There is nothing."),
        ('["tea", "pizza"]', "Tea and pizza."),
        (
            '[{"name": "tea", "left_s": 30}, {"name": "pizza", "left_s": 60}]',
            "Name tea, left 30 seconds; name pizza, left 60 seconds.",
        ),
        ('{"deep": {"deeper": {"deepest": {"a": 1}}}}', "Deep deeper 1 entries."),
        ('{"broken": ', '{"broken":.'),
        ("two\n  lines", "Two lines."),
    ],
)
def test_a_result_becomes_a_sentence(result: str, speech: str) -> None:
    assert spoken_result(result) == speech


def test_the_same_result_is_said_once_and_done_only_alone() -> None:
    assert spoken_results(["Done.", "The lamp is on.", "The lamp is on."]) == "The lamp is on."
    assert spoken_results(["ok", "ok"]) == "Done."


def test_a_long_result_is_cut_at_a_sentence() -> None:
    speech = spoken_result("This is a sentence. " * 200)

    assert len(speech) <= 1200
    assert speech.endswith("sentence.")


def test_a_long_list_tells_how_many_more() -> None:
    assert spoken_result('["a", "b", "c", "d", "e", "f", "g", "h"]') == "A, b, c, d, e, f, and 2 more."


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is 3:20 p.m. now.", ["It is 3:20 p.m. now."]),
        ("Dr. Brown and Mr. Smith came. They left.", ["Dr. Brown and Mr. Smith came.", "They left."]),
        ("It costs 3.50 euros. Fine.", ["It costs 3.50 euros.", "Fine."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("A list\nof lines\n\nend", ["A list", "of lines", "end"]),
        ("  ", []),
    ],
)
def test_text_is_cut_into_sentences(text: str, pieces: list[str]) -> None:
    assert list(sentences(text)) == pieces


def test_a_stream_gives_the_same_sentences_as_the_whole_text() -> None:
    text = "The first one. The second, with 3.5 in it. Is this the third? Yes."
    cutter = SentenceCutter()
    streamed = [piece for letter in text for piece in cutter.feed(letter)]

    assert [*streamed, *cutter.finish()] == list(sentences(text))


def test_a_sentence_comes_out_as_soon_as_the_next_begins() -> None:
    cutter = SentenceCutter()

    assert list(cutter.feed("The lamp is on.")) == []
    assert list(cutter.feed(" And")) == ["The lamp is on."]


def test_a_sentence_without_end_is_cut_at_a_clause() -> None:
    pieces = list(sentences("and so on, " * 60))

    assert all(len(piece) <= 220 for piece in pieces)
    assert " ".join(pieces) == ("and so on, " * 60).strip()
