"""What a client of the Voice Agent protocol sends; FunctionCallResponse, which goes both ways, is in ``shapes``."""

from typing import Any, Literal, Self

from pydantic import StrictBool, model_validator

from agentd.protocol.shapes import Behavior, Block, Message


class Settings(Message):
    """The first message of a client. Its document stays a plain dict (``wire()``); ``settings.validate`` judges it."""

    type: Literal["Settings"] = "Settings"


class KeepAlive(Message):
    """Keeps the connection open while no audio is sent; never answered."""

    type: Literal["KeepAlive"] = "KeepAlive"


class UpdatePrompt(Message):
    """Adds to the prompt; acknowledged by PromptUpdated."""

    type: Literal["UpdatePrompt"] = "UpdatePrompt"
    prompt: str


class UpdateThink(Message):
    """Replaces the whole think block, functions and prompt included; acknowledged by ThinkUpdated."""

    type: Literal["UpdateThink"] = "UpdateThink"
    think: Block | list[Block]


class UpdateSpeak(Message):
    """Replaces the speak block; acknowledged by SpeakUpdated."""

    type: Literal["UpdateSpeak"] = "UpdateSpeak"
    speak: Block | list[Block]


class UpdateListen(Message):
    """Changes parts of the listen block: what is left out stays, except ``language_hints``; acknowledged by ListenUpdated."""

    type: Literal["UpdateListen"] = "UpdateListen"
    listen: Block


class UpdateThinkLive(Message):
    """Changes Think Live (invite only); acknowledged by ThinkLiveUpdated."""

    type: Literal["UpdateThink_Live"] = "UpdateThink_Live"
    think_live: Block


class InjectUserMessage(Message):
    """A text the agent answers as if the user had said it."""

    type: Literal["InjectUserMessage"] = "InjectUserMessage"
    content: str


class InjectAgentMessage(Message):
    """A text the agent speaks; with ``is_dynamic`` Think Live words it and there is no ``message``."""

    type: Literal["InjectAgentMessage"] = "InjectAgentMessage"
    message: str = ""
    behavior: Behavior = "default"
    is_dynamic: StrictBool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_content(cls, data: Any) -> Any:
        """Takes the text from ``content`` too: Deepgram's migration guide shows it so (deepgram-js-sdk issue 463)."""
        if isinstance(data, dict) and data.get("message") is None and "content" in data:
            others = {key: value for key, value in data.items() if key not in ("message", "content")}
            data = others | {"message": data["content"]}
        return data

    @model_validator(mode="after")
    def _needs_words(self) -> Self:
        if not self.is_dynamic and "message" not in self.model_fields_set:
            raise ValueError("`message` is required unless `is_dynamic` is true")
        return self

    def wire(self) -> dict[str, Any]:
        """The JSON object as it goes out, with a ``message`` or with ``is_dynamic``."""
        data = super().wire()
        del data["message" if self.is_dynamic else "is_dynamic"]
        return data


class ForceEndTurn(Message):
    """Ends the user's turn now (listen v2 only)."""

    type: Literal["ForceEndTurn"] = "ForceEndTurn"


class CustomToThinkProvider(Message):
    """Any JSON for a custom think provider."""

    type: Literal["__customToThinkProvider"] = "__customToThinkProvider"
    content: Any
