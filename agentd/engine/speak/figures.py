"""How English reads out figures, signs and abbreviations: what the voice's own rules get wrong, written as they get it right.

The voice reads cardinals, ordinals, years, clock times, ISO dates, dollar amounts, most units and titles by itself; those stay as
they are. Rules go from the particular to the general: a telephone number is found before a range, a range before a minus.
"""

import re
from collections.abc import Callable
from typing import Final

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_NUMBER: Final = r"\d+(?:,\d{3})*(?:\.\d+)?"

_DIGITS: Final = "zero one two three four five six seven eight nine".split()

_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAYS: Final = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip

_UNITS: Final = {
    "h": ("hour", "hours"),
    "s": ("second", "seconds"),
    "m": ("meter", "meters"),
    "V": ("volt", "volts"),
    "W": ("watt", "watts"),
    "lx": ("lux", "lux"),
    "dB": ("decibel", "decibels"),
    "hPa": ("hectopascal", "hectopascals"),
    "mbar": ("millibar", "millibars"),
    "kbit/s": ("kilobit per second", "kilobits per second"),
    "Mbit/s": ("megabit per second", "megabits per second"),
    "Gbit/s": ("gigabit per second", "gigabits per second"),
    "m²": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"),
    "C": ("degree Celsius", "degrees Celsius"),
    "F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "€": ("euro", "euros"),
    "EUR": ("euro", "euros"),
    "USD": ("dollar", "dollars"),
    "GBP": ("pound", "pounds"),
    "CHF": ("Swiss franc", "Swiss francs"),
}
"""Units behind a number that the voice spells as letters, with their singular and plural."""

_APART: Final = frozenset({"s", "m", "C", "F"})
"""Units only behind a space: "30 s" is a time, the 30s are years; "20 C" is warm, room 3C is a room; 10m may be ten million."""

_COUNTED: Final = r"(?:[kcm]?m[²³]?|k?g|mg|m?l|k?W|k?Wh|m?V|[kMG]?Hz|hPa|mbar|lx|rpm|ppm|[kMGT]B|euros?|dollars?)"
"""Units before which four digits are a quantity and no year: 1013 mbar is not ten thirteen."""

_MONEY: Final = {"$": "dollars", "€": "euros", "£": "pounds"}

_SHORT: Final = {
    "e.g.": "for example",
    "i.e.": "that is",
    "incl.": "including",
    "excl.": "excluding",
    "temp.": "temperature",
    "max.": "maximum",
    "min.": "minimum",
    "resp.": "respectively",
}

_DIALLED: Final = r"(?:call|dial|ring|phone)"
_CODED: Final = r"(?:code|pin|passcode|password|otp|zip|id|account|tracking|reference|confirmation)"
_FILES: Final = r"(?:txt|pdf|jpe?g|png|csv|json|md|py|mp3|mp4|wav|zip|docx?|xlsx?|html?|ya?ml|toml|log)"


def _digits(text: str) -> str:
    """Digit by digit."""
    return " ".join(character for character in text if character.isalnum())


def _spelled(text: str) -> str:
    """Letter by letter, digits as words: behind a digit a letter might be taken for a unit."""
    return " ".join(_DIGITS[int(character)] if character.isdecimal() else character for character in text)


def _dialled(found: re.Match[str]) -> str:
    """A telephone number: digit by digit, a breath between the groups."""
    groups = re.findall(r"\d+", found[0])
    plus = "plus " if found[0].lstrip("(").startswith("+") else ""
    return plus + ", ".join(map(_digits, groups))


def _with_unit(found: re.Match[str]) -> str:
    number, unit = found[1], found[found.lastindex or 0]
    singular, plural = _UNITS[unit]
    return f"{number} {singular if number in {'1', '-1'} else plural}"


def _inches(found: re.Match[str]) -> str:
    """A quotation mark behind a number closes what was opened before; where nothing was, it means inches."""
    return found[0] if found.string.count('"', 0, found.start()) % 2 else f"{found[1]} inches"


_UNIT: Final = re.compile(
    rf"(?<![\w.,])(-?{_NUMBER}|-?\d+(?:,\d+)?)(?:"
    + "|".join((r"\s" if unit in _APART else r"\s?") + f"({re.escape(unit)})" for unit in sorted(_UNITS, key=len, reverse=True))
    + r")(?![\w²³/])"
)

RULES: Final[tuple[Rule, ...]] = (
    # -- times and dates --
    (re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?(?!\w)"), r"\1 at \2"),
    (re.compile(r"\b(\d{1,2}:\d\d)\s?[-\N{EN DASH}]\s?(\d{1,2}:\d\d)\b"), r"\1 to \2"),
    (re.compile(r"\b(\d{1,2})\s?([ap])m\b", re.IGNORECASE), lambda found: f"{found[1]} {found[2].upper()}M"),
    (re.compile(rf"\b({'|'.join(_DAYS)})(?=,? (?:\d|{_MONTH}))"), lambda found: _DAYS[found[1]]),
    (re.compile(r"\b(\d{1,2}):(\d)(?![\d:])"), r"\1 to \2"),  # a ratio: minutes have two digits
    # -- telephone numbers and codes --
    (re.compile(r"\+\d(?:[ .()-]{0,2}\d){6,14}(?!\d)"), _dialled),
    (re.compile(r"(?<![\w.-])(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), _dialled),
    (re.compile(r"(?<![\w.-])\d{3}-\d{4}(?![\w-])"), _dialled),
    (re.compile(rf"\b({_DIALLED}) (\d{{3,}})\b", re.IGNORECASE), lambda found: f"{found[1]} {_digits(found[2])}"),
    (
        re.compile(rf"\b({_CODED}\b(?: number)?(?: is|:)?) (\d{{3,}})\b", re.IGNORECASE),
        lambda found: f"{found[1]} {_digits(found[2])}",
    ),
    (re.compile(r"(?<![\w&])#(\d+)\b"), lambda found: f"number {_digits(found[1])}"),
    (re.compile(r"\b(?=[A-Z0-9]*[A-Z]\d)(?=[A-Z0-9]*\d[A-Z])[A-Z0-9]{4,32}\b"), lambda found: _spelled(found[0])),
    # Digit by digit: a telephone number or a code begins with zero, a quantity never does.
    (re.compile(r"(?<![\d.,:/-])0\d{2,}(?![\d.,:/-]*\d)"), lambda found: _digits(found[0])),
    # -- versions and addresses --
    (re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)"), lambda found: found[0].replace(".", " dot ")),
    (re.compile(r"\b[vV](?=\d+\.\d)"), "version "),
    (re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)"), lambda found: found[0].replace(".", " point ")),
    (re.compile(rf"(?<=\w)\.({_FILES})\b"), r" dot \1"),
    # -- money --
    (
        re.compile(rf"([$€£])({_NUMBER})\s?[-\N{{EN DASH}}]\s?\1?({_NUMBER})(?![\w%])"),
        lambda found: f"{found[2]} to {found[3]} {_MONEY[found[1]]}",
    ),
    # -- fractions, ranges, comparisons --
    (re.compile(r"(?<=\d)\s?(?=[½⅓⅔¼¾⅛])"), " and "),
    (re.compile(r"(?<![\w./])(\d+) (?=\d{1,2}/\d{1,2}(?![\w./]))"), r"\1 and "),
    (re.compile(rf"({_NUMBER}\.\d+|\d+\.\d+)/(5|10|100)\b"), r"\1 out of \2"),
    (re.compile(r"(?<=\d) ?% ?[-\N{EN DASH}] ?(?=\d+ ?%)"), " percent to "),  # 50%-60%
    (re.compile(r"(?<=\d)\s+[-\N{MINUS SIGN}]\s+(?=\d[^.?!=]{0,40}=)"), " minus "),
    (re.compile(r"(?<=\d)\s?/\s?(?=\d+(?:\.\d+)?\s*=)"), " divided by "),
    (re.compile(r"(?<![\w.,/:-])(\d{1,4}(?:\.\d+)?)\s?[-\N{EN DASH}]\s?(\d{1,4}(?:\.\d+)?)(?![\w/:-]|\.\d)"), r"\1 to \2"),
    (re.compile(r"(?:≥|>=)\s?(?=[\d$€£-])"), "at least "),
    (re.compile(r"(?:≤|<=)\s?(?=[\d$€£-])"), "at most "),
    (re.compile(r"(?<![\w<>-])>\s?(?=[\d$€£])"), "more than "),
    (re.compile(r"(?<![\w<>-])<\s?(?=[\d$€£])"), "less than "),
    (re.compile(r"~\s?(?=\d)"), "about "),
    (re.compile(r"(?<=\d)x\b"), " times"),
    # -- units --
    (re.compile(r"(?<=\d)'(?=\d{1,2}(?:\"|''))"), " foot "),
    (re.compile(r"(?<= foot )(\d{1,2})(?:\"|'')"), r"\1"),
    (re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\"(?!\w)"), _inches),
    (re.compile(rf"(?<![\d.,])([1-9])(\d{{3}})(?=\s?{_COUNTED}\b)"), r"\1,\2"),
    (_UNIT, _with_unit),
    # -- abbreviations: a full stop in them ends no sentence --
    (re.compile(r"\bvs\.?(?=\s)"), "versus"),
    (re.compile(r"\bNo\. ?(?=\d)"), "Number "),
    (re.compile(r"\bno\. ?(?=\d)"), "number "),
    (re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, _SHORT))})(?=\s*[\w$€£-])"), lambda found: _SHORT[found[1]]),
    (re.compile(r"\bCO(?:2|₂)"), "C O 2"),
    (re.compile(r"(?<![\w/.])(?!and/or)([A-Za-z]{2,})/([A-Za-z]{2,})(?![\w/.]\w)(?![\w/])"), r"\1 or \2"),
)


def read_out(text: str) -> str:
    """``text`` with its figures as words where the voice would not find them."""
    for pattern, read in RULES:
        text = pattern.sub(read, text)
    return text
