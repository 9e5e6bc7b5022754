"""What all messages of the Voice Agent protocol have in common: immutable values that keep the fields they do not know."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict

Role = Literal["user", "assistant"]
Behavior = Literal["default", "queue", "interrupt"]
Block = dict[str, Any]
"""A part of a Settings document; ``settings.py`` knows its shape."""


def _result_text(value: object) -> object:
    """The result of a call as text; handlers were seen to answer with the object itself."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _arguments_text(value: object) -> object:
    """The arguments of a call as the JSON text the protocol promises; servers were seen to send the object itself."""
    if isinstance(value, str):
        return value
    return "{}" if value is None else orjson.dumps(value).decode()


ArgumentsText = Annotated[str, BeforeValidator(_arguments_text)]
ResultText = Annotated[str, BeforeValidator(_result_text)]


class Part(BaseModel):
    """An object inside a message. Immutable; unknown fields are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def wire(self) -> dict[str, Any]:
        """The JSON object as it goes out: declared fields first, optional ones that are None left out, extras kept."""
        fields = type(self).model_fields
        data = {name: _plain(value) for name, value in self.__dict__.items() if value is not None or fields[name].is_required()}
        if self.__pydantic_extra__:
            data.update(self.__pydantic_extra__)
        return data


def _plain(value: object) -> object:
    """A field's value as JSON."""
    if isinstance(value, Part):
        return value.wire()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class Message(Part):
    """A text frame: an object with a ``type``."""

    type: str


class Unknown(Message):
    """A message of a type not listed here, or of a known type in a shape it should not have; kept whole."""


class FunctionCallResponse(Message):
    """The result of a call: the client's answer, the server's own result, or the echo of the client's answer."""

    type: Literal["FunctionCallResponse"] = "FunctionCallResponse"
    id: str | None = None
    name: str
    content: ResultText
