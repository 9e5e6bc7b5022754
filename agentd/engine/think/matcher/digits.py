"""Identifiers that are spelled: "one two three four", "double five", "CUST 1234"."""

from typing import Final

from agentd.engine.think.matcher.numbers import read_digit, read_number
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading

SPELLED: Final = 0.3


def fill_digits(reading: Reading) -> None:
    """Give the first run of digits to the identifier that is called by its name, else to the first that is open."""
    takers = [p for p in reading.open_parameters() if p.kind is Kind.DIGITS and p.name not in reading.values]
    found = _first_run(reading) if takers else None
    if found is None:
        return
    start, end, digits = found
    names = [taker.words - reading.function.nouns.keys() for taker in takers]
    parameter = max(takers, key=lambda taker: _last_said(reading, start, _own(taker, names)))
    letters = reading.sentence.slice(start - 1, start - 1) if start > 0 and reading.free([start - 1]) else ""
    prefix = parameter.prefix or (letters if letters.isupper() and letters != "I" and len(letters) <= 5 else "")
    if prefix and letters.upper() == prefix.upper():
        start -= 1
    reading.put(parameter, prefix + digits)
    reading.claim(range(start, end), SPELLED)


def _own(parameter: Parameter, names: list[frozenset[str]]) -> frozenset[str]:
    """The words of its name that no other candidate has."""
    return frozenset(word for word in parameter.words if sum(word in name for name in names) == 1)


def _last_said(reading: Reading, before: int, names: frozenset[str]) -> int:
    """Where one of ``names`` was said last before the digits; -1 if none was."""
    return max((at for at, word in enumerate(reading.sentence.words[:before]) if word.stem in names), default=-1)


def _first_run(reading: Reading) -> tuple[int, int, str] | None:
    """(start, end, digits) of the first run of digits, spoken or written."""
    words = reading.sentence.words
    for start in range(len(words)):
        at, digits = start, ""
        while at < len(words) and reading.free([at]):
            text = words[at].text
            times = {"double": 2, "triple": 3}.get(text)
            number = read_number(words, at)
            if text.isdecimal():
                digits, at = digits + text, at + 1
            elif times is not None and (digit := read_digit(words, at + 1)) is not None:
                digits, at = digits + str(digit) * times, at + 2
            elif (digit := read_digit(words, at)) is not None and (digits or text != "oh"):
                digits, at = f"{digits}{digit}", at + 1
            elif number is not None and not number.ordinal and number.value >= 10 and number.value == int(number.value):
                digits, at = f"{digits}{number.value:.0f}", number.end  # "twelve thirty four"
            else:
                break
        if digits:
            return start, at, digits
    return None
