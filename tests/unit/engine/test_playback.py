"""What was heard of what was sent."""

import pytest

from agentd.engine.playback import Playback, Sentence


def test_audio_sent_ahead_plays_on_after_the_sending() -> None:
    playback = Playback()
    assert playback.sent(2.0, 100.0) == (100.0, 102.0)
    assert playback.sent(1.0, 100.05) == (102.0, 103.0)
    assert playback.playing(102.9)
    assert not playback.playing(103.0)


def test_audio_after_a_pause_plays_from_when_it_was_sent() -> None:
    playback = Playback()
    playback.sent(1.0, 100.0)
    assert playback.sent(1.0, 105.0) == (105.0, 106.0)


def test_audio_is_due_so_that_no_more_than_allowed_is_unplayed() -> None:
    playback = Playback()
    assert playback.due(0.2, 1.0) <= 100.0
    playback.sent(0.9, 100.0)
    assert playback.due(0.1, 1.0) == pytest.approx(100.0)
    assert playback.due(0.2, 1.0) == pytest.approx(100.1)
    playback.cut(100.3)
    assert playback.due(0.2, 1.0) < 100.3


def test_a_cut_ends_playback_now() -> None:
    playback = Playback()
    playback.sent(10.0, 0.0)
    playback.cut(3.0)
    assert not playback.playing(3.0)
    assert playback.sent(1.0, 3.5) == (3.5, 4.5)


def test_an_uncut_sentence_was_heard_whole_although_it_still_plays() -> None:
    sentence = Sentence("one two three four")
    sentence.note(0.0, 4.0)
    assert sentence.heard() == "one two three four"


@pytest.mark.parametrize(
    ("cut_at", "heard"), [(0.0, ""), (1.0, "one"), (2.1, "one two"), (3.9, "one two three four"), (9.0, "one two three four")]
)
def test_of_a_cut_sentence_the_words_count_that_were_played(cut_at: float, heard: str) -> None:
    sentence = Sentence("one two three four", complete=True)
    sentence.note(0.0, 4.0)
    sentence.cut_at = cut_at
    assert sentence.heard() == heard


def test_a_sentence_cut_before_its_audio_was_not_heard() -> None:
    assert Sentence("never said", cut_at=5.0).heard() == ""


def test_a_sentence_cut_while_it_is_made_is_judged_by_its_likely_length() -> None:
    sentence = Sentence("this sentence is made in several pieces and would have taken five seconds to say, " * 2)
    sentence.note(0.0, 1.0)
    sentence.cut_at = 1.0
    assert 1 <= len(sentence.heard().split()) <= 6
