"""JSON Schemas without references: not every model that is offered functions follows them.

A schema may come from a stranger: one that grows without bound when it is written out, or contains itself, is refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from agentd.functions.remote.pointer import at

MAX_NODES: Final = 5_000
"""Objects and lists in a schema whose references are written out."""
MAX_DEPTH: Final = 32

_LITERAL: Final = frozenset({"default", "examples", "enum", "const"})
"""Their values are no schemas."""
_TABLES: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""Their keys are not keywords."""
_NAMES_OF_PARTS: Final = frozenset({"$defs", "definitions", "$schema", "$id", "$anchor"})


class SchemaFault(Exception):
    """A schema that cannot be used; the text says why."""


def written_out(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every reference replaced by what it refers to.

    Raises:
        SchemaFault: a reference leads out of the schema, nowhere or back to itself; or there is too much of it.
    """
    written: dict[str, Any] = _Writer(dict(schema)).value(dict(schema), (), 0)
    return written


class _Writer:
    """Counts what it writes."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._left = MAX_NODES

    def value(self, node: Any, inside: tuple[str, ...], depth: int) -> Any:
        """Any part; ``inside``: the references it is reached by."""
        if not isinstance(node, dict | list | tuple):
            return node
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise SchemaFault(f"it is larger than {MAX_NODES} parts or deeper than {MAX_DEPTH}")
        if not isinstance(node, dict):
            return [self.value(item, inside, depth + 1) for item in node]
        if isinstance(node.get("$ref"), str):
            return self._referred(node, inside, depth)
        plain: dict[str, Any] = {}
        for key, value in node.items():
            if key in _TABLES and isinstance(value, dict):
                plain[key] = {name: self.value(item, inside, depth + 1) for name, item in value.items()}
            elif key in _LITERAL:
                plain[key] = value
            elif key not in _NAMES_OF_PARTS:
                plain[key] = self.value(value, inside, depth + 1)
        return plain

    def _referred(self, node: dict[str, Any], inside: tuple[str, ...], depth: int) -> Any:
        reference = node["$ref"]
        if not reference.startswith("#"):
            raise SchemaFault(f"it refers to {reference[:80]!r}, and nothing is fetched")
        if reference in inside:
            raise SchemaFault(f"{reference[:80]} contains itself; models are offered plain objects only")
        try:
            target = at(self._schema, reference[1:])
        except LookupError:
            raise SchemaFault(f"there is nothing at {reference[:80]!r}") from None
        here = {key: value for key, value in node.items() if key != "$ref"}
        return self.value({**target, **here} if isinstance(target, dict) else target, (*inside, reference), depth + 1)
