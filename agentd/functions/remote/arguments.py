"""Arguments of functions that are not Python: JSON Schema, and what a model is told when something does not fit.

Schemas may come from strangers (MCP servers): nothing is fetched, no pattern takes exponential time, and a schema that grows
when its references are written out is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import FancyRegexOptions, ValidationError

from agentd.functions.call import InvalidArguments
from agentd.functions.remote.references import SchemaFault, written_out

_BACKTRACKS: Final = 100_000
"""Steps of one pattern match; far beyond what a sound pattern takes."""
_TOLD_FAULTS: Final = 8
_TOLD_CHARS: Final = 200
_SHORT_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array", "object"})


class Arguments:
    """Reads the arguments of one function.

    Args:
        schema: JSON Schema of an object.

    Attributes:
        parameters: the schema with references written out, as a model gets it.

    Raises:
        SchemaFault: it is no schema, not one of an object, or too large.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.parameters: dict[str, Any] = written_out(schema)
        if self.parameters.get("type", "object") != "object":
            raise SchemaFault('arguments are an object: its "type" is "object"')
        self.parameters["type"] = "object"
        self.parameters.setdefault("properties", {})
        if not isinstance(self.parameters["properties"], dict):
            raise SchemaFault('"properties" is a table of arguments')
        try:
            self._validator = jsonschema_rs.validator_for(
                self.parameters, pattern_options=FancyRegexOptions(backtrack_limit=_BACKTRACKS), offline=True
            )
        except (ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaFault(f"it is no valid JSON Schema: {_first_line(error)}") from None

    @property
    def names(self) -> frozenset[str]:
        """The arguments that the schema names."""
        return frozenset(self.parameters["properties"])

    def read(self, arguments: dict[str, Any], *, defaults: bool = True) -> dict[str, Any]:
        """The arguments as they will be used.

        Args:
            defaults: put the schema's defaults where nothing was given.

        Raises:
            InvalidArguments: every fault, in words for a model.
        """
        faults = list(self._faults(arguments))
        if faults:
            raise InvalidArguments("; ".join(faults[:_TOLD_FAULTS]))
        if not defaults:
            return arguments
        missing = {
            name: schema["default"]
            for name, schema in self.parameters["properties"].items()
            if name not in arguments and isinstance(schema, dict) and "default" in schema
        }
        return missing | arguments

    def _faults(self, arguments: dict[str, Any]) -> Iterator[str]:
        try:
            for error in self._validator.iter_errors(arguments):
                yield from _told(error, self.names)
        except ValueError as error:  # a number beyond what JSON Schema can compare
            yield _first_line(error)


def from_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema that ``parameters`` of a configuration table means; nothing but what it names is taken.

    The short form names each argument with its type: ``{ city = "string", days = "integer?" }``, where ``?`` marks what may
    be left out, or with a schema of its own, where ``optional = true`` does.

    Raises:
        SchemaFault: a type that does not exist.
    """
    if table.get("type") == "object" and isinstance(table.get("properties", {}), Mapping):
        return {"additionalProperties": False, **table}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, value in table.items():
        if isinstance(value, str):
            kind = value.removesuffix("?")
            if kind not in _SHORT_TYPES:
                raise SchemaFault(f"{name}: {value!r:.40} is no type; write one of {', '.join(sorted(_SHORT_TYPES))}")
            properties[name], optional = {"type": kind}, value.endswith("?")
        elif isinstance(value, Mapping):
            properties[name] = {key: item for key, item in value.items() if key != "optional"}
            optional = bool(value.get("optional", "default" in value))
        else:
            raise SchemaFault(f'{name}: write its type, such as {name} = "string"')
        if not optional:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _told(error: ValidationError, names: frozenset[str]) -> Iterator[str]:
    """One fault as sentence parts a model can act on."""
    place = ".".join(str(part) for part in error.instance_path)
    kind = error.kind.as_dict()
    inside = f"{place}." if place else ""
    if error.kind.name == "required":
        yield f"{inside}{kind['property']} is required"
    elif error.kind.name == "additionalProperties":
        offered = f"; there are {', '.join(sorted(names)) or 'none'}" if not place else ""
        for name in kind["unexpected"]:
            yield f"there is no argument {inside}{name}"[:_TOLD_CHARS] + offered
    else:
        yield f"{place}: {error.message[:_TOLD_CHARS]}" if place else error.message[:_TOLD_CHARS]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:_TOLD_CHARS]
