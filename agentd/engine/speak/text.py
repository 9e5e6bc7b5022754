"""What is spoken of a text, and in which pieces.

The voice reads out numbers, times, dates, most units and abbreviations by its own rules. Here goes what those get wrong,
and what a language model writes for eyes: Markdown, links, emoji.
"""

import re
from typing import Final

LONG: Final = 100
"""Characters from which a sentence is begun with its first clause alone: about 7 s of speech, 70 ms of synthesis."""

_CLAUSE_END: Final = re.compile(r"(?<=[,;:])\s+")

_FOR_EYES: Final = (
    (re.compile(r"```.*?(?:```|\Z)", re.DOTALL), " "),  # code is not read out
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # a link: its words
    (re.compile(r"https?://(?:www\.)?([^\s/]+)\S*"), r"\1"),  # a bare address: its host
    (re.compile(r"^\s*(?:#{1,6}|>|[-*+•])\s+", re.MULTILINE), ""),  # heading, quote, bullet
    (re.compile(r"(\*\*|__|[*`])(?=\S)(.+?)(?<=\S)\1"), r"\2"),  # emphasis
    (re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]"), ""),  # emoji
)

_UNITS: Final = {
    "h": ("hour", "hours"),
    "s": ("second", "seconds"),
    "V": ("volt", "volts"),
    "W": ("watt", "watts"),
    "lx": ("lux", "lux"),
    "hPa": ("hectopascal", "hectopascals"),
    "m²": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"),
    "C": ("degree Celsius", "degrees Celsius"),
    "F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "€": ("euro", "euros"),
}
"""Units behind a number that the voice spells as letters, with their singular and plural."""

_APART: Final = frozenset({"s", "C", "F"})
"""Units only behind a space: "30 s" is a time, the 30s are years; "20 C" is warm, room 3C is a room."""

_UNIT: Final = re.compile(
    r"(?<![\w.,])(-?\d+(?:[.,]\d+)*)(?:"
    + "|".join((r"\s" if unit in _APART else r"\s?") + f"({re.escape(unit)})" for unit in _UNITS)
    + r")(?!\w)"
)

_SPELLED: Final = (
    (re.compile(r"(?<=\d) ?% ?[-\N{EN DASH}] ?(?=\d+ ?%)"), " percent to "),  # 50%-60%
    (re.compile(r"~\s?(?=\d)"), "about "),
    (re.compile(r"\bvs\.?(?=\s)"), "versus"),  # its full stop ends no sentence
    (re.compile(r"\bCO(?:2|₂)"), "C O 2"),
    # Digit by digit: a telephone number or a code begins with zero, a quantity never does.
    (re.compile(r"(?<![\d.,:/-])0\d{2,}(?![\d.,:/-]*\d)"), lambda found: " ".join(found[0])),
)


def speakable(text: str, *, english: bool = True) -> str:
    """``text`` as it is to be said.

    Args:
        text: as a person or a language model wrote it.
        english: write out what English reads in its own way; in other languages only what is meant for eyes goes.
    """
    for pattern, seen in _FOR_EYES:
        text = pattern.sub(seen, text)
    if not english:
        return text.strip()
    for pattern, spelled in _SPELLED:
        text = pattern.sub(spelled, text)
    return _UNIT.sub(_with_unit, text).strip()


def clauses(sentence: str) -> list[str]:
    """Cut a long sentence behind a clause, so that speech begins while the rest is made."""
    end = _CLAUSE_END.search(sentence, LONG // 4) if len(sentence) > LONG else None
    return [sentence] if end is None else [sentence[: end.start()], sentence[end.end() :]]


def _with_unit(found: re.Match[str]) -> str:
    number, unit = found[1], found[found.lastindex or 0]
    singular, plural = _UNITS[unit]
    return f"{number} {singular if number in {'1', '-1'} else plural}"
