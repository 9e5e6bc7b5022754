"""Word error rate, over words as they are spoken.

Two texts that are read out alike are equal here ("2:30 pm" and "two thirty p m"; "Mr. Dashwood" and "mister dashwood";
"flavour" and "flavor"). Nothing else is made equal: no contraction is opened, no filler dropped, no ending cut.
"""

import re
from typing import Final

_ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS: Final = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES: Final = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

_SPELLINGS: Final = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "ok": "okay",
    "alright": "all right",
    "pm": "p m",
    "metre": "meter",
    "metres": "meters",
    "litre": "liter",
    "litres": "liters",
    "flavour": "flavor",
    "colour": "color",
    "favourite": "favorite",
    "neighbour": "neighbor",
    "grey": "gray",
    "programme": "program",
    "theatre": "theater",
    "centre": "center",
}

_HALF_DAY: Final = re.compile(r"(?<=\d)\s?([ap])\.?\s?m\b\.?")
_TIME: Final = re.compile(r"\b(\d{1,2}):(\d{2})\b|\b(\d{1,2})\.?(\d{2})(?= [ap] m\b)")
_MINUS: Final = re.compile(r"(?<!\S)-(?=\d)")
_THOUSANDS: Final = re.compile(r"\b\d{1,3}(?:,\d{3})+\b")
_MONEY: Final = re.compile(r"\$(\d+(?:\.\d+)?)")
_DEGREES: Final = re.compile(r"°\s?([cf])\b")
_SYMBOLS: Final = {"%": " percent ", "&": " and ", "°": " degrees ", "+": " plus "}
_ORDINAL: Final = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_DECIMAL: Final = re.compile(r"\b(\d+)\.(\d+)\b")
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """``text`` as a list of spoken words, in lower case and without punctuation."""
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = _HALF_DAY.sub(r" \1 m ", text)  # before a number only: elsewhere "am" is a word
    text = _TIME.sub(_clock, text)
    text = _THOUSANDS.sub(lambda found: _cardinal(int(found[0].replace(",", ""))), text)
    text = _MINUS.sub("minus ", text)
    text = _MONEY.sub(r"\1 dollars", text)
    text = _DEGREES.sub(lambda found: " degrees " + {"c": "celsius", "f": "fahrenheit"}[found[1]], text)
    for symbol, spoken in _SYMBOLS.items():
        text = text.replace(symbol, spoken)
    text = _ORDINAL.sub(lambda found: f" {_ordinal(int(found[1]))} ", text)
    text = _DECIMAL.sub(lambda found: f" {found[1]} point {' '.join(_ONES[int(digit)] for digit in found[2])} ", text)
    text = _NUMBER.sub(lambda found: f" {_number(found[0])} ", text)
    return [part for word in _WORD.findall(text) for part in _SPELLINGS.get(word, word).split()]


def _clock(found: re.Match[str]) -> str:
    """Half past two, 2:30, is "two thirty"; 2:05 is "two oh five", 2:00 "two"."""
    hour, minute = int(found[1] or found[3]), int(found[2] or found[4])
    spoken = "" if minute == 0 else _cardinal(minute) if minute >= 10 else f"oh {_ONES[minute]}"
    return f"{_cardinal(hour)} {spoken}"


def _number(digits: str) -> str:
    """Years as years ("nineteen eighty four"), a leading zero digit by digit, all else as a cardinal."""
    value = int(digits)
    if digits.startswith("0") and value:
        return " ".join(_ONES[int(digit)] for digit in digits)
    if len(digits) == 4 and 1100 <= value < 2100 and value % 1000 >= 10:
        century, year = divmod(value, 100)
        return f"{_cardinal(century)} {'hundred' if year == 0 else _cardinal(year) if year >= 10 else f'oh {_ONES[year]}'}"
    return _cardinal(value)


def _cardinal(value: int) -> str:
    if value < 20:
        return _ONES[value]
    if value < 100:
        return _TENS[value // 10] + (f" {_ONES[value % 10]}" if value % 10 else "")
    for size, name in _SCALES:
        if value >= size:
            rest = value % size
            return f"{_cardinal(value // size)} {name}" + (f" {_cardinal(rest)}" if rest else "")
    raise AssertionError(value)


def _ordinal(value: int) -> str:
    *before, last = _cardinal(value).split()
    ending = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else f"{last}th")
    return " ".join([*before, ending])


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Substituted, missing and added words (the least that explain the difference), and the words of the reference."""
    wanted, heard = words(reference), words(hypothesis)
    row = list(range(len(heard) + 1))
    for i, want in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(diagonal + (want != word), row[j] + 1, row[j - 1] + 1)
    return row[-1], len(wanted)
