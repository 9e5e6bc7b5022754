"""Questions for an extent, "how long", "how many days": the unit that is asked for says nothing of what it is asked about."""

from typing import Final

from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form, Sentence
from agentd.engine.think.matcher.words import stem

_EXTENTS: Final = frozenset("long many much often".split())
_UNITS: Final = frozenset(map(stem, "second minute hour day week month year time".split()))


def asked_extent(sentence: Sentence) -> tuple[str, ...]:
    """The two words by which the sentence asks for an extent, as stems; none where it does not."""
    opening = tuple(word.stem for word in sentence.words[:2])
    asks = sentence.form is Form.QUESTION and opening[:1] == ("how",) and sentence.words[1:2] != ()
    return opening if asks and sentence.words[1].text in _EXTENTS else ()


def is_measure(reading: Reading, index: int) -> bool:
    """Whether a word is but the unit of the answer: the days of "how many days are in a year" ask for no date.

    A function whose examples ask so is meant by its unit: "how many days until Christmas".
    """
    asked = asked_extent(reading.sentence) if reading.sentence.words[index].stem in _UNITS else ()
    return bool(asked) and asked not in reading.function.openings


def claim_measure(reading: Reading) -> None:
    """Account for the unit where the function tells how long something is: "how many minutes are left"."""
    if not reading.about or ("how", "long") not in reading.function.openings:
        return
    unit = reading.sentence.words[2:3]
    counted = asked_extent(reading.sentence) in {("how", "many"), ("how", "much")}
    if counted and unit and unit[0].stem in _UNITS and 2 not in reading.claims:
        reading.claim([2], 0.0)
