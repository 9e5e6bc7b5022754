"""What is wrong with the options of a declaration, and what to write instead."""

import math
import string
from collections.abc import Iterator
from typing import Any, Final

from agentd.functions.options import Options

MAX_TIMEOUT_S: Final = 300.0
MAX_PER_MINUTE: Final = 6000
TEXTS: Final = 16
"""Examples of a function, or fillers."""
TEXT_CHARS: Final = 300


def option_faults(options: Options) -> Iterator[str]:
    """Each fault of the options as a sentence that names the option and what it takes."""
    yield from _flags(options)
    yield from text_faults("filler", options.filler, 'filler="One moment." or filler=("One moment.", "Still looking.")')
    if not is_number(options.filler_after_s) or not 0 < options.filler_after_s <= MAX_TIMEOUT_S:
        yield f"filler_after_s is {options.filler_after_s!r}; write seconds above 0 and at most {MAX_TIMEOUT_S:g}"
    if options.on_duplicate not in ("run", "answer"):
        yield f'on_duplicate is {options.on_duplicate!r}; write "run" or "answer"'
    if options.per_minute is not None and not (_is_count(options.per_minute) and options.per_minute <= MAX_PER_MINUTE):
        yield f"per_minute is {options.per_minute!r}; write a whole number from 1 to {MAX_PER_MINUTE}, or leave it out"
    if options.result is not None:
        yield from _template_faults(options.result)


def _flags(options: Options) -> Iterator[str]:
    for name in ("untrusted_output", "background", "cancel_on_barge_in"):
        value: object = getattr(options, name)
        if not isinstance(value, bool) and (name != "cancel_on_barge_in" or value is not None):
            yield f"{name} is {value!r}; write True or False, or leave it out"


def text_faults(name: str, texts: Any, instead: str) -> Iterator[str]:
    """Faults of a list of texts to be said or shown.

    Args:
        instead: how it may be written.
    """
    if not isinstance(texts, tuple) or not all(isinstance(text, str) for text in texts):
        yield f"{name} is {texts!r:.80}; write {instead}"
        return
    if len(texts) > TEXTS:
        yield f"{name} has {len(texts)} texts; at most {TEXTS} are of use"
    for text in texts:
        if not text.strip() or len(text) > TEXT_CHARS:
            yield f"{name} has the text {text!r:.80}; each has 1 to {TEXT_CHARS} characters"


def is_number(value: Any) -> bool:
    """Whether it is a finite number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _template_faults(template: Any) -> Iterator[str]:
    instead = 'write a sentence with members of the result in braces, such as "The {room} lamp is {state}."'
    if not isinstance(template, str) or not template.strip() or len(template) > TEXT_CHARS:
        yield f"result is {template!r:.80}; {instead}, at most {TEXT_CHARS} characters"
        return
    try:
        fields = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        yield f"result is {template!r:.80}: {error}; {instead}"
        return
    for field, spec, conversion in fields:
        if spec or conversion or not all(part.isidentifier() for part in str(field).split(".")):
            yield f"result has the field {field!r}; {instead}, or a path such as {{weather.temperature}}"
