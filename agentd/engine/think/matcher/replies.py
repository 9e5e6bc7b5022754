"""From a function's result to something one can say."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agentd.engine.think.matcher.words import name_words

DONE: Final = "Done."
_SPEAKABLE: Final = ("say", "speech", "message", "summary", "text", "answer", "reply")
_BARE_SUCCESS: Final = frozenset({"", "ok", "success", "succeeded", "done", "true", "null", "completed"})
_ENDING: Final = frozenset({"closing", "closed", "ended", "hanging up"})
_UNITS: Final = {
    "c": "degrees",
    "celsius": "degrees",
    "percent": "percent",
    "pct": "percent",
    "s": "seconds",
    "ms": "milliseconds",
    "min": "minutes",
    "kg": "kilograms",
    "km": "kilometres",
}
FROM_OUTSIDE: Final = "data_from_outside"
"""agentd wraps what a stranger may have written; inside is the result itself, and the notice beside it is for models."""
_FOR_MODELS: Final = re.compile(r"\s(?:Tell the user so|Correct them and call again|Ask for less)\.$")
"""With this agentd ends what it tells a model of a call that was not done; the user is told the rest."""
_ITEMS: Final = 6
_CHARS: Final = 1200
"""Longer results are cut at a sentence: this is over a minute of speech."""


def spoken_results(results: Sequence[str]) -> str:
    """The results of the calls of one round, in order, each as said once; "" when there is nothing to add."""
    said: list[str] = []
    for result in results:
        text = spoken_result(result)
        if text and text not in said:
            said.append(text)
    if len(said) > 1:
        said = [text for text in said if text != DONE]
    return " ".join(said)


def spoken_result(result: str) -> str:
    """One result as speech.

    Plain text is said as it is. Of JSON the part that is meant to be said (``say``, ``message``, ...) or the error; else its
    keys and values. A result that ends the conversation adds nothing: who ends it says the farewell.
    """
    text = _FOR_MODELS.sub("", result.strip())
    if text.lower().rstrip(".!") in _BARE_SUCCESS:
        return DONE
    if text[0] not in '{["' and text != "false":
        return _sentence(text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _sentence(text)
    return _spoken_value(value)


def _spoken_value(value: Any) -> str:
    match value:
        case bool():
            return "Yes." if value else "No."
        case str():
            return spoken_result(value) if value.strip()[:1] not in {"{", "[", '"'} else _sentence(value)
        case dict():
            return _spoken_object(value)
        case []:
            return "There is nothing."
        case list():
            listed = [_phrase(item) for item in value[:_ITEMS]]
            more = f", and {len(value) - _ITEMS} more" if len(value) > _ITEMS else ""
            if any(isinstance(item, dict) for item in value):
                return _sentence("; ".join(listed) + more)
            return _sentence(_joined(listed) if not more else ", ".join(listed) + more)
        case _:
            return _sentence(_phrase(value))


def unwrapped(value: Any) -> Any:
    """A result without what marks it as coming from outside."""
    return value[FROM_OUTSIDE] if isinstance(value, Mapping) and FROM_OUTSIDE in value else value


def _spoken_object(value: Mapping[str, Any]) -> str:
    if FROM_OUTSIDE in value:
        return _spoken_value(value[FROM_OUTSIDE]) or DONE
    for key in _SPEAKABLE:
        if isinstance(value.get(key), str) and value[key].strip():
            return _sentence(value[key])
    error = value.get("error")
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("detail")
    if isinstance(error, str) and error:
        return _sentence(error)
    status = value.get("status")
    if isinstance(status, str) and status.lower() in _ENDING:
        return ""
    rest = {key: item for key, item in value.items() if item is not None and key not in {"ok", "success"}}
    if not rest or (set(rest) == {"status"} and str(status).lower() in _BARE_SUCCESS):
        return "That did not work." if value.get("ok") is False or value.get("success") is False else DONE
    return _sentence(_phrase(rest))


def _phrase(value: Any, depth: int = 0) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case dict() if depth < 2:
            return ", ".join(_pair(str(key), item, depth + 1) for key, item in list(value.items())[:_ITEMS])
        case list() if depth < 2:
            return _joined([_phrase(item, depth + 1) for item in value[:_ITEMS]]) or "nothing"
        case dict() | list():
            return f"{len(value)} entries"
        case None:
            return "nothing"
        case _:
            return str(value)


def _pair(key: str, value: Any, depth: int) -> str:
    words = list(name_words(key))
    unit = _UNITS.get(words[-1]) if len(words) > 1 and isinstance(value, int | float) and not isinstance(value, bool) else None
    if unit:
        words.pop()
    return " ".join(part for part in (" ".join(words), _phrase(value, depth), unit) if part)


def _joined(items: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else "".join(items)


def _sentence(text: str) -> str:
    """With a capital and an end, and no longer than one can listen to."""
    text = re.sub(r"\s+", " ", text).strip()
    if len(text) > _CHARS:
        cut = max(text.rfind(mark, 0, _CHARS) for mark in (". ", "! ", "? "))
        text = text[: cut + 1] if cut > 0 else text[:_CHARS].rsplit(" ", 1)[0]
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?…\"')" else f"{text}."
