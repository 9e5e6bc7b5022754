"""From a declared function to what a model is told about it, and from a model's arguments to Python values.

Runs in the worker alone: the daemon never imports a handler's types.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from agentd.functions.call import InvalidArguments
from agentd.functions.context import CallContext
from agentd.functions.declare import TIERS, Declaration
from agentd.functions.options import Options
from agentd.functions.workers.docstrings import read_docstring
from agentd.functions.workers.files import NAME
from agentd.functions.workers.option_faults import MAX_TIMEOUT_S, is_number, option_faults, text_faults
from agentd.functions.workers.plain import Recursive, plain_schema, told

_CONFIG: Final = ConfigDict(extra="forbid", arbitrary_types_allowed=False)

_PREFIX: Final = "arg_"
"""Of a parameter's name in the model, so that it may be called ``schema``, ``copy`` or ``_x``, which a model has for itself."""


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
            raise InvalidArguments("; ".join(told(fault) for fault in error.errors(include_url=False))) from None


def check(declaration: Declaration, *, describe: bool = True) -> Handler:
    """The handler of a declaration.

    Args:
        describe: with description and schema, which only the daemon needs, and only once.

    Raises:
        Fault: what is wrong, at the line of the decorator, and what to write instead.
    """
    call = declaration.handler
    if not inspect.isfunction(inspect.unwrap(call)):
        raise Fault(f"@function is for functions, not for {call!r}", None)
    name, line = call.__name__, inspect.unwrap(call).__code__.co_firstlineno
    reasons = list(_faults(declaration, name))
    if reasons:
        raise Fault("; ".join(reasons), line)
    context, arguments = _parameters(call, name, line)
    description, parameters = _described(call, name, line, context, arguments) if describe else ("", {})
    return Handler(
        name=name,
        call=call,
        description=description,
        parameters=parameters,
        tier=str(declaration.tier),
        timeout_s=float(declaration.timeout_s),
        line=line,
        examples=declaration.examples,
        is_async=inspect.iscoroutinefunction(call),
        context=context,
        arguments=arguments,
        options=declaration.options,
    )


def _faults(declaration: Declaration, name: str) -> Iterator[str]:
    """What is wrong with name and decorator, and what to write instead."""
    if not NAME.match(name):
        yield f"the name {name!r} is not usable: small letters, digits and _, at most 48, starting with a letter"
    if declaration.tier is None:
        yield (
            f'{name} has no tier; write @function(tier="read") above it, or "low" (acts harmlessly), '
            '"medium" (is felt: heating, covers), "high" (dangerous or dear: unlock, buy)'
        )
    elif declaration.tier not in TIERS:
        yield f"{name} has the tier {declaration.tier!r}; it is one of {', '.join(TIERS)}"
    if not is_number(declaration.timeout_s) or not 0 < declaration.timeout_s <= MAX_TIMEOUT_S:
        yield f"timeout_s of {name} is {declaration.timeout_s!r}; it is above 0 and at most {MAX_TIMEOUT_S:g}"
    for fault in text_faults("examples", declaration.examples, 'examples=["Turn on the lamp."]'):
        yield f"{name}: {fault}"
    for fault in option_faults(declaration.options):
        yield f"{name}: {fault}"
    if inspect.isasyncgenfunction(declaration.handler) or inspect.isgeneratorfunction(declaration.handler):
        yield f"{name} yields; a handler returns one result"


def _described(
    call: Callable[..., Any], name: str, line: int, context: str | None, arguments: type[BaseModel]
) -> tuple[str, dict[str, Any]]:
    """Description and schema: from the signature, and where ``Field`` says nothing of a parameter, from the docstring."""
    description, documented = read_docstring(call.__doc__)
    if not description:
        raise Fault(f"{name} has no docstring; its first paragraph tells the model what the function does", line)
    try:
        parameters = plain_schema(arguments)
    except PydanticUserError as error:
        types = {field.alias: field.annotation for field in arguments.model_fields.values()}
        raise Fault(_formless(name, types, error), line) from error
    except Recursive:
        raise Fault(f"a parameter type of {name} contains itself; models are offered plain objects only", line) from None
    for field in arguments.model_fields.values():
        if (misfit := _misfit(field)) is not None:
            raise Fault(
                f"the default of {field.alias} in {name} is {field.default!r:.80}, and its type says otherwise: {misfit}", line
            )
    properties = parameters["properties"]
    for parameter, text in documented.items():
        if parameter in properties:
            if arguments.model_fields[f"{_PREFIX}{parameter}"].description is None:
                properties[parameter]["description"] = text
        elif parameter != context:
            there = ", ".join(properties) or "none"
            raise Fault(
                f"the docstring of {name} describes {parameter}, which is no parameter; there are: {there}",
                _line_of(call, parameter) or line,
            )
    return description, parameters


def _misfit(field: FieldInfo) -> str | None:
    """Why a default is not of its parameter's type. ``None`` and what breaks a limit may stand there: nothing was given."""
    if field.is_required() or field.default is None:
        return None
    try:
        TypeAdapter[Any](field.annotation or object).validate_python(field.default)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return first["msg"] if first["type"].endswith(("_type", "_parsing")) else None
    return None


def _line_of(call: Callable[..., Any], parameter: str) -> int | None:
    """Where a docstring begins to describe a parameter."""
    try:
        lines, first = inspect.getsourcelines(call)
    except (OSError, TypeError):
        return None
    entry = re.compile(rf"\s*(:\w+ .*\b{re.escape(parameter)}:|{re.escape(parameter)}\b.*:)")
    return next((first + i for i, line in enumerate(lines) if entry.match(line)), None)


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
            raise Fault(_untyped(parameter.name, name, call), line)
        if hints[parameter.name] is CallContext:
            if context is not None:
                raise Fault(f"{name} takes the CallContext twice", line)
            context = parameter.name
            continue
        if isinstance(parameter.default, FieldInfo):
            raise Fault(f"{parameter.name} in {name}: write Annotated[<type>, Field(…)] and the default after =", line)
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"{_PREFIX}{parameter.name}"] = (hints[parameter.name], Field(default, alias=parameter.name))
    try:
        return context, create_model(name, __config__=_CONFIG, **fields)
    except (PydanticUserError, TypeError) as error:
        raise Fault(_formless(name, {field.alias: hint for hint, field in fields.values()}, error), line) from error


def _untyped(parameter: str, name: str, call: Callable[..., Any]) -> str:
    """A parameter without a type, and what is most likely meant."""
    if parameter in {"self", "cls"} and "." in call.__qualname__:
        return f"{name} is in a class; a handler is a function of its own, at the left edge of the file"
    kind = "CallContext" if parameter in {"ctx", "context"} else "str"
    return f"{parameter} in {name} has no type; write {parameter}: {kind}, or what it is"


def _formless(name: str, hints: Mapping[str | None, Any], error: Exception) -> str:
    """Which parameter has a type without a JSON form."""
    for parameter, hint in hints.items():
        try:
            TypeAdapter(hint).json_schema()
        except (PydanticUserError, TypeError):
            return (
                f"{parameter} in {name} has the type {getattr(hint, '__name__', hint)!s:.80}, which has no JSON form; "
                "use str, int, float, bool, a list, Literal, an Enum, a dataclass or a pydantic model"
            )
    return f"a parameter type of {name} has no JSON form: {str(error).splitlines()[0]}"
