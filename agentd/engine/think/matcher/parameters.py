"""A declared parameter as the matcher sees it: the kind of value, its unit and limits, the words for its choices."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from agentd.engine.think.matcher.lexicon import ADJECTIVES, PARTICLES, STATES, STOP_WORDS, VERBS, Sense
from agentd.engine.think.matcher.times import unit_seconds
from agentd.engine.think.matcher.words import name_words, split, stem


class Kind(Enum):
    """What a parameter takes."""

    CHOICE = "choice"
    BOOLEAN = "boolean"
    NUMBER = "number"
    DURATION = "duration"
    TIME = "time"
    DATE = "date"
    MOMENT = "moment"
    DIGITS = "digits"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value with the words for it, as stems; ``senses`` are the states it names."""

    value: Any
    phrases: tuple[tuple[str, ...], ...]
    senses: frozenset[Sense]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        choices: the values of an enum, or of ``examples`` when ``open`` says that others are accepted too.
        minimum, maximum, above, below: limits of a number; the value may equal the first two, not the others.
        unit: "percent" or "degrees" for a number, seconds in the unit for a duration (None: ISO 8601 text).
        states: for a boolean or a number, the value that each state stands for.
        prefix: for digits, the letters before them ("CUST" where the description says CUSTXXXX).
        measures: for a number, stems of what it counts ("euro" where the description says "in euros").
        length: for digits, how many there are, where the description tells (4).
        prepositions: for text, the words that lead to its value in a sentence, the likeliest first.
        many: an array of such values.
    """

    name: str
    kind: Kind
    required: bool
    description: str
    words: frozenset[str]
    choices: tuple[Choice, ...] = ()
    open: bool = False
    unit: str | int | None = None
    integer: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    states: Mapping[Sense, Any] = field(default_factory=dict)
    prepositions: tuple[str, ...] = ()
    prefix: str = ""
    length: int | None = None
    measures: frozenset[str] = frozenset()
    many: bool = False

    @property
    def quotes(self) -> bool:
        """It takes a message or a thing to remember, in whose words nothing is asked for."""
        return self.kind is Kind.TEXT and "saying" in self.prepositions

    @property
    def acts(self) -> bool:
        """Its values say what to do: play, pause, stop."""
        verbs = sum(len(choice.phrases[0]) == 1 and str(choice.value).lower() in VERBS for choice in self.choices)
        return self.kind is Kind.CHOICE and 2 * verbs >= len(self.choices) > 1

    @property
    def spoken(self) -> str:
        """Its name as one says it."""
        return " ".join(name_words(self.name))


_ROLES: Final = (
    ("recipient to receiver addressee", ("to", "for")),
    (
        "borrower member person patient customer contact friend attendee user who assignee guest client reader agent",
        ("to", "for", "by", "with", "of"),
    ),
    ("origin source sender from", ("from",)),
    (
        "location city place address destination country where region town store shop pharmacy station",
        ("in", "at", "to", "for", "near", "from"),
    ),
    ("subject", ("about", "on", "regarding", "for", "to")),
    ("topic about query question reason", ("about", "on", "regarding", "for")),
    ("text message content body note", ("saying", "that", "to")),
    ("name label", ("called", "named", "for")),
)
"""By words in a parameter's name: the prepositions that lead to it."""

_DIGIT_NAMES: Final = frozenset("id mrn phone pin code zip postcode number digits account isbn".split())
_PREFIX: Final = re.compile(r"\b([A-Z]{2,6}?)[-_]?(X{2,}|N{2,}|#{2,}|\d{3,})\b")
_ENDS: Final = re.compile(r"(\d+)\s*(?:%|percent)?\s*(?:=|is|are|means|for|:)?\s*(?:fully|completely|all)?\s*([a-z]+)")
_IN_UNIT: Final = re.compile(r"\b(?:in|of|number of)\s+([a-z]+)")
_BOOLEAN_STATES: Final = (
    ("on off power powered enabled active switch", Sense.ON, Sense.OFF),
    ("open opened", Sense.OPEN, Sense.CLOSE),
    ("closed shut", Sense.CLOSE, Sense.OPEN),
    ("locked lock", Sense.LOCK, Sense.UNLOCK),
    ("muted mute", Sense.MUTE, Sense.UNMUTE),
    ("paused pause", Sense.PAUSE, Sense.RESUME),
    ("up raised", Sense.UP, Sense.DOWN),
    ("state", Sense.ON, Sense.OFF),
)


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """``schema`` with references followed, null taken out of unions, and unions of constants joined to one enum."""
    found = dict(schema)
    if depth > 8:  # a schema that refers to itself
        return found
    if isinstance(ref := found.pop("$ref", None), str):
        target: Any = root
        for part in ref.removeprefix("#/").split("/"):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        found = {**resolve(target, root, depth + 1), **found} if isinstance(target, Mapping) else found
    for key in ("anyOf", "oneOf", "allOf"):
        options = found.pop(key, None)
        if not isinstance(options, list):
            continue
        parts = [resolve(option, root, depth + 1) for option in options if isinstance(option, Mapping)]
        parts = [part for part in parts if part.get("type") != "null"]
        values = [value for part in parts for value in _values(part)]
        if parts:
            found = {**parts[0], **found}
        if parts and all(_values(part) for part in parts):
            found["enum"] = values
            found.pop("const", None)
    if isinstance(kinds := found.get("type"), list):
        found["type"] = next((kind for kind in kinds if kind != "null"), "string")
    if "const" in found:
        found["enum"] = [found["const"]]
    return found


def compile_parameter(name: str, schema: Mapping[str, Any], *, required: bool) -> Parameter:
    """Prepare one property, already resolved."""
    many = schema.get("type") == "array"
    items = schema.get("items")
    if many:
        schema = {**(items if isinstance(items, dict) else {}), "description": schema.get("description", "")}
    description = str(schema.get("description") or "")
    hints = tuple(name_words(name))
    choices = _choices(_values(schema))
    shape = _PREFIX.search(description)
    kind = Kind.CHOICE if choices else _kind(schema, hints, description)
    examples = schema.get("examples")
    if not choices and kind in {Kind.TEXT, Kind.DIGITS} and isinstance(examples, list):
        choices = _choices(examples)
    return Parameter(
        name=name,
        kind=kind,
        required=required,
        description=description,
        words=frozenset(stem(word) for word in hints if word not in STOP_WORDS),
        choices=choices,
        open=kind is not Kind.CHOICE,
        unit=_unit(kind, schema, hints, description),
        integer=schema.get("type") == "integer",
        minimum=_limit(schema, "minimum"),
        maximum=_limit(schema, "maximum"),
        above=_limit(schema, "exclusiveMinimum"),
        below=_limit(schema, "exclusiveMaximum"),
        states=_states(kind, hints, description),
        prepositions=_prepositions(hints),
        prefix=shape.group(1) if kind is Kind.DIGITS and shape is not None else "",
        length=len(shape.group(2)) if kind is Kind.DIGITS and shape is not None else None,
        measures=frozenset(map(stem, _IN_UNIT.findall(description.lower()))) - STOP_WORDS if kind is Kind.NUMBER else frozenset(),
        many=many,
    )


def _limit(schema: Mapping[str, Any], key: str) -> float | None:
    limit = schema.get(key)
    return limit if isinstance(limit, int | float) and not isinstance(limit, bool) else None


def _values(schema: Mapping[str, Any]) -> list[Any]:
    enum = schema.get("enum")
    return list(enum) if isinstance(enum, list) else [schema["const"]] if "const" in schema else []


def _choices(values: Iterable[Any]) -> tuple[Choice, ...]:
    """The values that can be said; nested ones, null and "" cannot."""
    sayable = (value for value in values if isinstance(value, str | int | float))
    return tuple(choice for value in sayable if (choice := _choice(value)).phrases)


def _choice(value: Any) -> Choice:
    texts = tuple(word.text for word in split(" ".join(name_words(str(value)))))
    phrase = tuple(stem(text) for text in texts)
    phrases = [phrase] if phrase else []
    if len(phrase) > 1:
        phrases.append(("".join(texts),))  # "bed room" and "bedroom"
    senses = {ADJECTIVES.get(text) or PARTICLES.get(text) or VERBS.get(text) for text in texts} if len(texts) <= 2 else set()
    lone = len(texts) == 1 or texts[:1] in {("turn",), ("switch",), ("put",), ("set",), ("fully",)}
    return Choice(
        value,
        tuple(phrases),
        frozenset(sense for sense in senses if sense is not None and sense in STATES) if lone else frozenset(),
    )


def _kind(schema: Mapping[str, Any], hints: tuple[str, ...], description: str) -> Kind:
    said, shape = description.lower(), schema.get("format")
    match schema.get("type"):
        case "boolean":
            return Kind.BOOLEAN
        case "integer" | "number":
            return Kind.DURATION if _time_unit(hints, said) is not None else Kind.NUMBER
        case _:
            return _text_kind(shape, hints, said)


def _text_kind(shape: object, hints: tuple[str, ...], said: str) -> Kind:
    if shape == "duration" or set(hints) & {"duration"}:
        return Kind.DURATION
    if (
        shape == "date-time"
        or ("iso" in said and {"date", "time"} <= set(re.findall(r"[a-z]+", said)))
        or set(hints) >= {"date", "time"}
    ):
        return Kind.MOMENT
    if shape == "date" or "yyyy-mm-dd" in said or "date" in hints or "birthday" in hints:
        return Kind.DATE
    if shape == "time" or "hh:mm" in said or hints[-1:] == ("time",):
        return Kind.TIME
    return Kind.DIGITS if set(hints) & _DIGIT_NAMES else Kind.TEXT


def _time_unit(hints: tuple[str, ...], said: str) -> int | None:
    for word in hints:
        if (seconds := unit_seconds(word)) is not None and word not in {"second", "day"}:
            return seconds
    if hints[-1:] == ("s",):
        return 1
    for word in _IN_UNIT.findall(said):
        if (seconds := unit_seconds(word)) is not None:
            return seconds
    if {"duration", "length", "delay"} & set(hints):
        return next((seconds for word in re.findall(r"[a-z]+", said) if (seconds := unit_seconds(word)) is not None), 1)
    return None


def _unit(kind: Kind, schema: Mapping[str, Any], hints: tuple[str, ...], description: str) -> str | int | None:
    said = " ".join(hints) + " " + description.lower()
    if kind is Kind.DURATION:
        return _time_unit(hints, description.lower()) if schema.get("type") in {"integer", "number"} else None
    if kind is not Kind.NUMBER:
        return None
    if re.search(r"%|\bpercent", said):
        return "percent"
    return "degrees" if re.search(r"°|\bdegree|\bcelsius|\bfahrenheit|\btemperature", said) else None


def _states(kind: Kind, hints: tuple[str, ...], description: str) -> dict[Sense, Any]:
    if kind is Kind.NUMBER:
        ends = (
            (float(number), ADJECTIVES.get(word) or PARTICLES.get(word) or VERBS.get(word))
            for number, word in _ENDS.findall(description.lower())
        )
        return {sense: int(number) for number, sense in ends if sense in STATES and sense is not None}
    if kind is not Kind.BOOLEAN:
        return {}
    for source in (set(hints), {word.text for word in split(description)}):
        for words, yes, no in _BOOLEAN_STATES:
            if source & set(words.split()):
                return {yes: True, no: False}
    return {}


def _prepositions(hints: tuple[str, ...]) -> tuple[str, ...]:
    for words, prepositions in _ROLES:
        if set(hints) & set(words.split()):
            return prepositions
    return ()
