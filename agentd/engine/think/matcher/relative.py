"""Changes that are said as differences: "a bit brighter", "two degrees warmer", "down by ten percent"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentd.engine.providers import CallMade, ChatMessage
from agentd.engine.think.matcher.lexicon import ADJECTIVES, Sense
from agentd.engine.think.matcher.numbers import read_number
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.words import Word

_SLIGHT: Final = frozenset("bit little slightly touch tad somewhat".split())
_STRONG: Final = frozenset("much lot far significantly considerably".split())
_UNIT_WORDS: Final = frozenset("percent percentage degree degrees celsius point points".split())
_SHARES: Final = {"slight": 0.1, "plain": 0.2, "strong": 0.4}
"""Steps as shares of the range, where the speaker names none."""

_DEGREES: Final = {"slight": 1.0, "plain": 1.0, "strong": 3.0}
_MEASURED: Final = {
    "percent": re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:%|percent)"),
    "degrees": re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:°|degrees?)"),
}


@dataclass(frozen=True, slots=True)
class Relative:
    """A change up or down.

    Attributes:
        up: the direction.
        amount: how much, or None when it was not said.
        strength: "slight", "plain" or "strong".
        words: indexes of the words of the amount and of the strength.
        comparative: the word that compares ("brighter"), or "" for a verb or particle.
    """

    up: bool
    amount: float | None
    strength: str
    words: frozenset[int]
    comparative: str


def read_relative(words: Sequence[Word], senses: Sequence[tuple[Sense, frozenset[int]]]) -> Relative | None:
    """The change that ``words`` ask for; None where a level is named ("down to 30 percent") or nothing changes."""
    for sense, indexes in senses:
        if sense not in {Sense.UP, Sense.DOWN}:
            continue
        at = max(indexes)
        compared = words[at].text in ADJECTIVES
        found = _amount(words, at, compared=compared)
        if not compared and found is None and any(_is_level(words, index) for index in range(len(words))):
            return None
        strong = {index for index, word in enumerate(words) if word.text in _SLIGHT | _STRONG}
        said = {words[index].text for index in strong}
        strength = "slight" if said & _SLIGHT else "strong" if said & _STRONG else "plain"
        span = frozenset(range(found[0], found[1])) if found is not None else frozenset()
        amount = found[2] if found is not None else None
        return Relative(sense is Sense.UP, amount, strength, span | strong, words[at].text if compared else "")
    return None


def _is_level(words: Sequence[Word], at: int) -> bool:
    return read_number(words, at) is not None and at > 0 and words[at - 1].text == "to"


def _amount(words: Sequence[Word], at: int, *, compared: bool) -> tuple[int, int, float] | None:
    """(start, end, amount) of the number before a comparative, behind "by", or right behind "up"."""
    for start in range(len(words)):
        number = read_number(words, start)
        if number is None or number.ordinal:
            continue
        end = number.end
        while end < len(words) and words[end].text in _UNIT_WORDS:
            end += 1
        led = start > 0 and words[start - 1].text == "by"
        behind = start == at + 1 and words[at].text in {"up", "down"}
        if led or (compared and end == at) or behind:
            return (start - 1 if led else start), end, number.value
    return None


def resolve(
    relative: Relative, parameter: Parameter, name: str, values: Mapping[str, Any], messages: Sequence[ChatMessage]
) -> tuple[float | None, str | None]:
    """(the new value, or None when the present one is not known; what to say when it cannot change any further).

    Args:
        name: the function.
        values: the other arguments of the call to make; a call for another room tells nothing.
    """
    held = _last_known(parameter, name, values, messages)
    if held is None:
        return None, None
    step = relative.amount if relative.amount is not None else _step(parameter, relative.strength)
    if step is None:
        return None, None
    wanted = held + step if relative.up else held - step
    low, high = parameter.minimum, parameter.maximum
    value = max(low, wanted) if low is not None else wanted
    value = min(high, value) if high is not None else value
    if value == held:
        return None, f"The {parameter.spoken} is already at its {'highest' if relative.up else 'lowest'}, {held:g}."
    value = round(value, 2)
    return (int(value) if parameter.integer or value == int(value) else value), None


def _step(parameter: Parameter, strength: str) -> float | None:
    if parameter.unit == "degrees":
        return _DEGREES[strength]
    if parameter.unit == "percent":
        return 100 * _SHARES[strength]
    if parameter.minimum is None or parameter.maximum is None:
        return None
    step = (parameter.maximum - parameter.minimum) * _SHARES[strength]
    return max(1.0, float(round(step))) if parameter.integer else step


def _last_known(parameter: Parameter, name: str, values: Mapping[str, Any], messages: Sequence[ChatMessage]) -> float | None:
    for message in reversed(messages):
        if not isinstance(message, CallMade):
            continue
        if any(key in message.arguments and message.arguments[key] != value for key, value in values.items()):
            continue
        held = message.arguments.get(parameter.name)
        if message.name == name and isinstance(held, int | float) and not isinstance(held, bool):
            return float(held)
        shape = _MEASURED.get(str(parameter.unit))
        told = shape.findall(message.result or "") if shape is not None else []
        if len(told) == 1 and (message.name == name or set(values) & message.arguments.keys()):
            return float(told[0])
    return None


def takes(parameter: Parameter) -> bool:
    """Whether a change up or down can be a change of this parameter."""
    return parameter.kind is Kind.NUMBER
