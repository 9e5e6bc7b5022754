"""From a declared function to what a model is told about it, and from a model's arguments to Python values.

Runs in the worker alone: the daemon never imports a handler's types.
"""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from agentd.functions.call import InvalidArguments
from agentd.functions.context import CallContext
from agentd.functions.declare import TIERS, Declaration
from agentd.functions.files import NAME
from agentd.functions.options import Options

MAX_TIMEOUT_S: Final = 300.0
_SHOWN_CHARS: Final = 60
"""Of a wrong value, in the text the model gets."""


class Fault(Exception):
    """Something in a handler file that keeps it from loading."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Handler:
    """A declaration that was found good.

    Attributes:
        context: the name of the parameter that takes the CallContext; None if there is none.
    """

    name: str
    call: Callable[..., Any]
    description: str
    parameters: dict[str, Any]
    tier: str
    timeout_s: float
    line: int
    examples: tuple[str, ...]
    is_async: bool
    context: str | None
    arguments: type[BaseModel]
    options: Options

    def describe(self) -> dict[str, Any]:
        """What the daemon is told, as JSON values."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
            "tier": self.tier,
            "timeout_s": self.timeout_s,
            "line": self.line,
            "examples": self.examples,
            "is_async": self.is_async,
            "options": self.options.describe(),
        }

    def read(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Python values for the arguments that were given; the function's own defaults stand in for the others.

        Raises:
            InvalidArguments: with every fault.
        """
        read = self._model(arguments)
        fields = self.arguments.model_fields
        return {str(fields[name].alias): getattr(read, name) for name in fields if name in read.model_fields_set}

    def canonical(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they are meant, as JSON values, defaults included: what a person is asked to approve.

        Raises:
            InvalidArguments: with every fault.
        """
        return self._model(arguments).model_dump(mode="json", by_alias=True)

    def _model(self, arguments: dict[str, Any]) -> BaseModel:
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            raise InvalidArguments("; ".join(_told(fault) for fault in error.errors(include_url=False))) from None


def check(declaration: Declaration) -> Handler:
    """The handler of a declaration.

    Raises:
        Fault: what is wrong, at the line of the decorator, and what to write instead.
    """
    call = declaration.handler
    if not inspect.isfunction(inspect.unwrap(call)):
        raise Fault(f"@function is for functions, not for {call!r}", None)
    code = inspect.unwrap(call).__code__
    line, name = code.co_firstlineno, call.__name__

    if not NAME.match(name):
        raise Fault(f"the name {name!r} is not usable: small letters, digits and _, at most 48, starting with a letter", line)
    if declaration.tier is None:
        raise Fault(
            f'{name} has no tier; write @function(tier="read") above it, or "low" (acts harmlessly), '
            '"medium" (is felt: heating, covers), "high" (dangerous or dear: unlock, buy)',
            line,
        )
    if declaration.tier not in TIERS:
        raise Fault(f"{name} has the tier {declaration.tier!r}; it is one of {', '.join(TIERS)}", line)
    if not 0 < declaration.timeout_s <= MAX_TIMEOUT_S:
        raise Fault(f"timeout_s of {name} is {declaration.timeout_s}; it is above 0 and at most {MAX_TIMEOUT_S:g}", line)
    if inspect.isasyncgenfunction(call) or inspect.isgeneratorfunction(call):
        raise Fault(f"{name} yields; a handler returns one result", line)
    description = inspect.cleandoc(call.__doc__ or "").partition("\n\n")[0].replace("\n", " ").strip()
    if not description:
        raise Fault(f"{name} has no docstring; its first paragraph tells the model what the function does", line)

    context, arguments = _parameters(call, name, line)
    return Handler(
        name=name,
        call=call,
        description=description,
        parameters=_schema(arguments, name, line),
        tier=declaration.tier,
        timeout_s=float(declaration.timeout_s),
        line=line,
        examples=declaration.examples,
        is_async=inspect.iscoroutinefunction(call),
        context=context,
        arguments=arguments,
        options=declaration.options,
    )


def _parameters(call: Callable[..., Any], name: str, line: int) -> tuple[str | None, type[BaseModel]]:
    """The context's parameter, and a model of all others."""
    try:
        hints = typing.get_type_hints(call, include_extras=True)
    except Exception as error:
        raise Fault(f"a type in the signature of {name} cannot be resolved: {error}", line) from error
    context: str | None = None
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(call).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise Fault(f"{parameter} in {name}: a model names each argument, so every parameter takes a keyword", line)
        if parameter.name not in hints:
            raise Fault(f"{parameter.name} in {name} has no type; write {parameter.name}: str, or what it is", line)
        if hints[parameter.name] is CallContext:
            if context is not None:
                raise Fault(f"{name} takes the CallContext twice", line)
            context = parameter.name
            continue
        if isinstance(parameter.default, FieldInfo):
            raise Fault(f"{parameter.name} in {name}: write Annotated[<type>, Field(…)] and the default after =", line)
        default = ... if parameter.default is parameter.empty else parameter.default
        # A prefix, so that a parameter may be called `schema`, `copy` or `_x`, which a model has for itself.
        fields[f"arg_{parameter.name}"] = (hints[parameter.name], Field(default, alias=parameter.name))
    try:
        return context, create_model(name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields)
    except (PydanticUserError, TypeError) as error:
        raise Fault(f"a parameter type of {name} has no JSON form: {str(error).splitlines()[0]}", line) from error


def _schema(arguments: type[BaseModel], name: str, line: int) -> dict[str, Any]:
    """JSON Schema of the arguments: references written out, no titles, no null for what may simply be left out."""
    try:
        raw = arguments.model_json_schema()
    except PydanticUserError as error:
        raise Fault(f"a parameter type of {name} has no JSON form: {str(error).splitlines()[0]}", line) from error
    try:
        plain: dict[str, Any] = _plain(raw, raw.get("$defs", {}), ())
    except RecursionError:
        raise Fault(f"a parameter type of {name} contains itself; models are offered plain objects only", line) from None
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
            raise RecursionError(name)
        here = {key: value for key, value in node.items() if key != "$ref"}
        return _plain({**types[name], **here}, types, (*inside, name))
    plain: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            plain[key] = {name: _plain(schema, types, inside) for name, schema in value.items()}
        elif key in {"default", "examples", "enum", "const"}:
            plain[key] = value
        elif key not in {"title", "$defs"}:
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
    node = {key: value for key, value in node.items() if key != "anyOf" and not (key == "default" and value is None)}
    return {**rest[0], **node} if len(rest) == 1 else {**node, "anyOf": rest}


def _told(fault: ErrorDetails) -> str:
    """One fault as a sentence part a model can act on."""
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{place} is required"
    if fault["type"] == "extra_forbidden":
        return f"there is no argument {place}"
    given = repr(fault["input"])
    shown = given if len(given) <= _SHOWN_CHARS else f"{given[:_SHOWN_CHARS]}…"
    return f"{place}: {fault['msg']} (given: {shown})"
