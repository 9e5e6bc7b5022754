"""The words that are likelier where certain functions are at hand: what their parameters take, what they are called and about."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agentd.engine.think.matcher.lexicon import STOP_WORDS
from agentd.engine.think.matcher.words import name_words

_MOST: Final = 400
"""Words and phrases in a vocabulary: more would favour everything, which is to favour nothing."""

_DEEPEST: Final = 8
"""Levels of a schema that are looked into."""


def vocabulary(functions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Words and phrases from function objects as in Settings (``name``, ``description``, ``parameters``: a JSON schema).

    Lower case, each once, the most telling first: values of parameters, then the words of names, then those of descriptions.
    Words that any sentence may hold are left out.
    """
    schemas = [schema for function in functions if isinstance(schema := function.get("parameters"), Mapping)]
    found: dict[str, None] = {}
    for texts in (
        (text for schema in schemas for text in _values(schema, _DEEPEST)),
        (str(function.get("name", "")) for function in functions),
        (str(text) for function in functions for text in _listed(function.get("examples"))),
        (str(function.get("description") or "") for function in functions),
        (text for schema in schemas for text in _descriptions(schema, _DEEPEST)),
    ):
        for text in texts:
            found.update(dict.fromkeys(_telling(text)))
            if len(found) >= _MOST:
                return tuple(found)[:_MOST]
    return tuple(found)


def _telling(text: str) -> Iterator[str]:
    """The words of a text that carry content of their own."""
    for word in name_words(text):
        bare = word.strip("\"'()[]{}.,:;!?%")
        if bare.isalpha() and len(bare) > 2 and bare not in STOP_WORDS:
            yield bare


def _values(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    """What a schema says that values look like: ``enum``, ``const``, ``examples``, ``default``, at any level."""
    for key in ("enum", "examples"):
        yield from (value for value in _listed(schema.get(key)) if isinstance(value, str))
    for key in ("const", "default"):
        if isinstance(value := schema.get(key), str):
            yield value
    for part in _parts(schema, depth):
        yield from _values(part, depth - 1)


def _descriptions(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Names and descriptions of parameters."""
    if isinstance(text := schema.get("description"), str):
        yield text
    if isinstance(properties := schema.get("properties"), Mapping):
        yield from map(str, properties)
    for part in _parts(schema, depth):
        yield from _descriptions(part, depth - 1)


def _parts(schema: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """The schemas right inside a schema."""
    if depth <= 0:
        return
    inside: list[Any] = [schema.get("items"), schema.get("additionalProperties")]
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        inside += _listed(schema.get(key))
    for key in ("properties", "$defs", "definitions"):
        if isinstance(named := schema.get(key), Mapping):
            inside += named.values()
    yield from (part for part in inside if isinstance(part, Mapping))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
