"""What interrupts an agent that speaks: words meant for it, not nods and not its own voice."""

import pytest

from agentd.engine.barge_in import interrupts as _interrupts
from agentd.engine.barge_in import is_backchannel, is_echo, is_own
from agentd.engine.providers import Transcript

LAMP = "The living room lamp is on. Shall I close the blinds as well?"


def interrupts(text: str, agent_text: str, *, likeness: float = 0.2, confidence: float = 0.9) -> bool:
    return _interrupts(Transcript(text, confidence), agent_text, likeness)


@pytest.mark.parametrize(
    "text", ["Yes.", "Uh-huh.", "Okay", "mm-hmm", "Yeah, okay.", "I see.", "Oh, really?", "All right.", "Right."]
)
def test_a_lone_backchannel_is_no_interruption(text: str) -> None:
    assert is_backchannel(text)
    assert not interrupts(text, LAMP)


@pytest.mark.parametrize(
    "text", ["Stop.", "No.", "Wait", "Okay stop.", "Yes, the kitchen.", "What time is it?", "Be quiet", "Turn it off"]
)
def test_words_for_the_agent_interrupt_it(text: str) -> None:
    assert interrupts(text, LAMP)


@pytest.mark.parametrize("text", ["The living", "living room lamp is", "Shall I close the", "lamb is on", "the blinds as well"])
def test_the_agents_own_words_come_back_are_no_interruption(text: str) -> None:
    assert is_echo(text, LAMP)
    assert not interrupts(text, LAMP, likeness=0.5)


def test_nothing_understood_is_no_interruption() -> None:
    assert not interrupts("", LAMP)
    assert not interrupts(" ... ", LAMP)


def test_more_words_than_the_agent_said_are_somebody_elses() -> None:
    assert interrupts("Okay, thank you very much, good bye.", "Okay.")


def test_four_nods_in_a_row_are_an_attempt_to_speak() -> None:
    assert interrupts("yes okay right yes", "Something else.")


def test_a_word_the_agent_happens_to_use_is_the_users_when_it_sounds_unlike_the_agent() -> None:
    assert interrupts("Close", LAMP, likeness=0.2)
    assert not interrupts("Close", LAMP, likeness=0.5)


def test_an_answer_in_the_agents_words_is_the_users_when_it_sounds_unlike_the_agent() -> None:
    assert interrupts("Close the blinds as well", LAMP, likeness=0.2)
    assert not interrupts("Close the blinds as well", LAMP, likeness=0.35)


def test_the_agents_voice_is_no_interruption_whatever_was_understood() -> None:
    assert is_own("Something else entirely", LAMP, 0.7)
    assert not interrupts("Something else entirely", LAMP, likeness=0.7)


def test_a_hum_that_is_half_taken_for_a_word_is_no_interruption() -> None:
    assert not interrupts("Mama.", LAMP, confidence=0.6)
    assert interrupts("Stop.", LAMP, confidence=0.75)
    assert interrupts("I think you should stop", LAMP, confidence=0.6)


def test_even_few_words_at_the_very_beginning_of_a_reply_are_the_rest_of_what_it_answers() -> None:
    assert _interrupts(Transcript("Ask not", 0.6), LAMP, 0.2, goes_on=True)
    assert not _interrupts(Transcript("Okay", 0.9), LAMP, 0.2, goes_on=True), "but for a nod"
    assert not _interrupts(Transcript("The living", 0.9), LAMP, 0.6, goes_on=True), "but for its echo"
    assert not _interrupts(Transcript("", 0.0), LAMP, 0.2, goes_on=True)
