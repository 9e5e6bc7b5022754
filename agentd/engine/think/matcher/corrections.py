"""A sentence that corrects itself: "turn on the lamp in the kitchen, sorry, in the office", "close the blinds, no, don't"."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from agentd.engine.think.matcher import matching
from agentd.engine.think.matcher.carry import carry
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.sentence import Form

_AFTERTHOUGHT: Final = re.compile(
    r"[\s,.;-]+(?:(?:(?:oh|uh|um|er)[\s,.;-]+)?"
    r"(?:sorry|wait|i mean|i meant|or rather|rather|make that|scratch that|correction|actually|no)\b(?:[\s,.;-]+|$))+",
    re.IGNORECASE,
)
"""What introduces a correction in mid-sentence."""

_TAKES_BACK: Final = re.compile(r"\b(?:no|wait|scratch that)\b", re.IGNORECASE)
"""Of those, what takes a command back where nothing follows."""


def corrected(text: str, functions: Sequence[Function], today: date) -> list[Candidate] | None:
    """The call of a sentence that corrects itself, of which the last version counts.

    Returns:
        None where nothing is corrected; nothing where a command is taken back, or changed in a way that is not understood.
    """
    found = list(_AFTERTHOUGHT.finditer(text))
    before, after = (text[: found[0].start()], text[found[-1].end() :].strip()) if found else ("", "")
    first = matching.rank(matching.read(before, functions, today), functions) if before.strip() else []
    if not first or not (after or _TAKES_BACK.search(found[-1].group())):
        return None
    quoted = any(parameter.quotes and parameter.name in first[0].reading.values for parameter in first[0].function.parameters)
    sentence = matching.read(after, functions, today)
    changed = carry(first[0].function, first[0].reading.values, sentence) if after else None
    if changed is not None:
        return [changed]
    led = _led(first[0], after, functions, today) if sentence.form is Form.FRAGMENT else []
    instead = led or matching.rank(sentence, functions)
    return instead[:1] or (None if quoted else [])


def _led(first: Candidate, after: str, functions: Sequence[Function], today: date) -> list[Candidate]:
    """What follows under the verb of what was said before: "turn on the lamp, no, the fan"."""
    said = first.reading.sentence
    verb = " ".join(said.words[index].text for index in sorted(said.verb_words))
    sentence = matching.read(f"{verb} {after}", functions, today)
    return matching.rank(sentence, functions) if verb and sentence.verb_words == frozenset(range(len(said.verb_words))) else []


def last_version(text: str) -> str:
    """What counts of an answer that corrects itself: "the kitchen, no, the office"."""
    found = list(_AFTERTHOUGHT.finditer(text))
    rest = text[found[-1].end() :] if found else text
    return rest if rest.strip() else text
