"""The query string: one declaration per route, which the guard checks before the handler runs and the document shows.

Known parameters only, each given once, every fault named at once.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from agentd.audio.formats import AudioFormat, Encoding
from agentd.audio.layout import MAX_RATE, MIN_RATE
from agentd.errors import FieldError, InvalidRequest

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
DEFAULT_TIMEOUT_S: Final = 30.0
MAX_TIMEOUT_S: Final = 300.0

_TRUE: Final = frozenset({"true", "1", "yes", ""})
_FALSE: Final = frozenset({"false", "0", "no"})


def _flag(value: object) -> object:
    """``?name`` alone is true."""
    if isinstance(value, str):
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        raise PydanticCustomError("flag", "must be true or false")
    return value


def _number(value: object) -> object:
    if isinstance(value, str):
        try:
            number = float(value) if value.isascii() and "_" not in value else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise PydanticCustomError("number", "must be a number")
        return number
    return value


def _whole(value: object) -> object:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) < 20):
            raise PydanticCustomError("whole", "must be a whole number")
        return int(value)
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]
"""``true`` or ``false``; ``?name`` alone is true."""
Number = Annotated[float, BeforeValidator(_number)]
"""A finite number; bounds by ``Field(ge=…, le=…)``."""
Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number from 0; bounds by ``Field(ge=…, le=…)``."""
Family = dict[str, str]
"""Every ``name.<key>=value`` by its key."""


class Parameters(BaseModel):
    """The query of a route; as it stands: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """What the guard has read for this request.

        Raises:
            TypeError: the route declares other parameters; a defect of its row.
        """
        found = request[PARAMETERS]
        if not isinstance(found, cls):
            raise TypeError(f"the route declares {type(found).__name__}, its handler reads {cls.__name__}")
        return found


class Anything(Parameters):
    """For routes whose callers add parameters of their own: probes, scrapers, Voice Agent clients."""

    model_config = ConfigDict(extra="ignore")


class Timeout(Parameters):
    """How long a call that waits may take."""

    timeout_s: Number = Field(
        DEFAULT_TIMEOUT_S, ge=0.001, le=MAX_TIMEOUT_S, description="Seconds to wait at most; then 504 `upstream-timeout`."
    )


class Page(Parameters):
    """A piece of a list."""

    limit: Whole = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Items of one page at most.")
    cursor: str | None = Field(None, description="Where the page before ended: its `next`.")


class Applied(Timeout):
    """Whether to wait until the upstream acknowledges."""

    wait: Literal["applied", "none"] = Field("applied", description="`none` answers 202 at once.")


class AudioFormatParameters(Parameters):
    """The format of live audio."""

    encoding: Encoding | None = Field(None, description="The session's own otherwise.")
    sample_rate: Whole | None = Field(None, ge=MIN_RATE, le=MAX_RATE, description="In Hz; the session's own otherwise.")

    def format(self, own: AudioFormat) -> AudioFormat:
        """What is asked for, where the session has ``own``."""
        return AudioFormat(self.encoding or own.encoding, self.sample_rate or own.sample_rate)


PARAMETERS: Final = web.RequestKey("parameters", Parameters)
ParametersT = TypeVar("ParametersT", bound=Parameters)


def parse(request: web.Request, model: type[ParametersT]) -> ParametersT:
    """The query string as ``model``.

    Raises:
        InvalidRequest: with every fault: a parameter that is not known (it was probably meant to do something), one given
            twice, a value that does not fit.
    """
    query = request.query
    families = {name for name, field in model.model_fields.items() if field.annotation == Family}
    values: dict[str, Any] = {}
    for name, value in query.items():
        family, dot, key = name.partition(".")
        if dot and family in families:
            values.setdefault(family, {})[key] = value
        elif name not in families:
            values[name] = value
    # A repeated parameter that nobody looks at is nobody's fault.
    counted = [name for name in dict.fromkeys(query) if name in model.model_fields or model.model_config.get("extra") != "ignore"]
    faults = [FieldError(f"?{name[:60]}", "is given more than once") for name in counted if len(query.getall(name)) > 1]
    faults += [_unknown(name, model) for name in query if name in families]
    try:
        if not faults:
            return model.model_validate(values)
        model.model_validate(values)
    except ValidationError as error:
        faults += [_fault(fault, model) for fault in error.errors(include_url=False, include_input=False)]
    raise InvalidRequest(_summary(faults), errors=faults)


def _fault(fault: Mapping[str, Any], model: type[Parameters]) -> FieldError:
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return _unknown(name, model)
    return FieldError(f"?{name[:60]}", _expected(name, model) or str(fault["msg"]))


def _unknown(name: str, model: type[Parameters]) -> FieldError:
    known = [f"{name}.*" if field.annotation == Family else name for name, field in model.model_fields.items()]
    return FieldError(f"?{name[:60]}", f"is not known here; known are {', '.join(known) or 'none'}")


@cache
def _declared(model: type[Parameters]) -> dict[str, Any]:
    return model.model_json_schema()


def _expected(name: str, model: type[Parameters]) -> str | None:
    """What the declaration says the value must be."""
    document = _declared(model)
    schema = document["properties"][name]
    schema = next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)
    if "$ref" in schema:
        schema = document["$defs"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return f"must be one of {', '.join(schema['enum'])}"
    kind = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}.get(schema.get("type", ""))
    if kind is None:
        return None
    if name.endswith("_s") and kind == "a number":
        kind = "a number of seconds"
    bounds = f" from {schema['minimum']:g} to {schema['maximum']:g}" if {"minimum", "maximum"} <= schema.keys() else ""
    return f"must be {kind}{bounds}"


def _summary(faults: list[FieldError]) -> str:
    if len(faults) == 1 and faults[0].detail.startswith("must"):
        return f"The query parameter {faults[0].pointer[1:]} {faults[0].detail}."
    return "The query has parameters that cannot be used; see errors."
