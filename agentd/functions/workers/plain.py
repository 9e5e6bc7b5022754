"""JSON Schema of a handler's arguments as models are offered it, and faults of arguments as models are told them.

Runs in the worker alone: the daemon never imports a handler's types.
"""

from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

_SHOWN_CHARS: Final = 60
"""Of a wrong value, in the text the model gets."""


class Recursive(Exception):
    """A type contains itself: it has no form without references."""


def plain_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of the arguments: references written out, no titles, no null for what may simply be left out.

    Raises:
        PydanticUserError: a type has no JSON form.
        Recursive: a type contains itself.
    """
    raw = arguments.model_json_schema()
    plain: dict[str, Any] = _plain(raw, raw.get("$defs", {}), ())
    plain.setdefault("properties", {})
    return plain


def _plain(node: Any, types: dict[str, Any], inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_plain(item, types, inside) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        if name in inside:
            raise Recursive(name)
        here = {key: value for key, value in node.items() if key != "$ref"}
        return _plain({**types[name], **here}, types, (*inside, name))
    plain: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            plain[key] = {name: _plain(schema, types, inside) for name, schema in value.items()}
        elif key == "default" and value is None:
            continue  # it says that nothing was given; null itself would not fit the type
        elif key in {"default", "examples", "enum", "const"}:
            plain[key] = value
        elif key not in {"title", "$defs", "discriminator"}:
            plain[key] = _plain(value, types, inside)
    if "const" in plain:
        plain["enum"] = [plain.pop("const")]
    return _without_null(plain)


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """``X or null`` becomes X: models and the offline thinker leave out what they do not know."""
    choices = node.get("anyOf")
    if choices is None or {"type": "null"} not in choices:
        return node
    rest = [choice for choice in choices if choice != {"type": "null"}]
    node = {key: value for key, value in node.items() if key != "anyOf"}
    return {**rest[0], **node} if len(rest) == 1 else {**node, "anyOf": rest}


def told(fault: ErrorDetails) -> str:
    """One fault of given arguments as a part of a sentence that a model can act on."""
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{place} is required"
    if fault["type"] == "extra_forbidden":
        return f"there is no argument {place}"
    given = repr(fault["input"])
    shown = given if len(given) <= _SHOWN_CHARS else f"{given[:_SHOWN_CHARS]}…"
    return f"{place}: {fault['msg']} (given: {shown})"
