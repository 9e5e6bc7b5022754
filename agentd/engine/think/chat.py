"""A conversation as OpenAI chat completions messages, cut to the context length."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agentd.engine.providers import AgentText, CallMade, ChatMessage, ThinkRequest, UserText
from agentd.engine.think.answer import Echo

DEFAULT_CONTEXT: Final = 48_000
"""Characters of history sent when the Settings do not say: about 12,000 tokens, what small local models are run with."""

MAX_NAME: Final = 64
MAX_DESCRIPTION: Final = 1024
"""Characters of a function's description that OpenAI and Azure take; they refuse the whole request for one more."""

NO_ECHO: Final = Echo(None, {}, {})
NO_ECHOES: Final[Mapping[str, Echo]] = {}

_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_-]")
_NOT_ANSWERED: Final = "no answer"


def chat_body(request: ThinkRequest, echoes: Mapping[str, Echo] = NO_ECHOES) -> dict[str, Any]:
    """The whole request; ``echoes`` by call id are what the server gave with its calls and wants to have back."""
    provider = request.provider
    body: dict[str, Any] = {
        "model": str(provider.get("model") or "default"),
        "messages": chat_messages(request, echoes),
        "stream": True,
    }
    if request.functions:
        body["tools"] = tools(request.functions)
    temperature = provider.get("temperature")
    if isinstance(temperature, int | float) and not isinstance(temperature, bool):
        body["temperature"] = temperature
    if provider.get("reasoning_mode") not in {None, "none"}:
        body["reasoning_effort"] = provider["reasoning_mode"]
    return body


def wire_names(functions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The functions' names by what they are called in chat completions: letters, digits, ``_`` and ``-``, 64 at most."""
    names: dict[str, str] = {}
    for function in functions:
        name = str(function.get("name"))
        wire, number = wire_name(name), 2
        while wire in names:
            suffix = f"_{number}"
            wire, number = wire_name(name)[: MAX_NAME - len(suffix)] + suffix, number + 1
        names[wire] = name
    return names


def wire_name(name: str) -> str:
    """A name that chat completions servers take."""
    return _NOT_IN_NAMES.sub("_", name)[:MAX_NAME] or "_"


def chat_messages(request: ThinkRequest, echoes: Mapping[str, Echo] = NO_ECHOES) -> list[dict[str, Any]]:
    """The prompt and the latest turns that fit; whole ones, so that no result stands without its call. The last always fits.

    Deepgram counts the serialized messages with their function arguments and responses, without the system prompt
    (docs, "LLM models", context_length).
    """
    wires = {name: wire for wire, name in wire_names(request.functions).items()}
    turns = _turns(request.messages, wires, echoes)
    limit = request.context_length
    room = None if limit == "max" else limit if isinstance(limit, int | float) else DEFAULT_CONTEXT
    kept: list[list[dict[str, Any]]] = []
    for turn in reversed(turns):
        size = len(orjson.dumps(turn).decode())
        if room is not None and kept and size > room:
            break
        kept.append(turn)
        room = None if room is None else room - size
    system = [{"role": "system", "content": request.prompt}] if request.prompt else []
    return [*system, *(message for turn in reversed(kept) for message in turn)]


def tools(functions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The functions as tools: only the fields chat completions knows, for some servers refuse others."""
    return [
        {
            "type": "function",
            "function": {
                "name": wire,
                "description": _description(function.get("description") or ""),
                "parameters": {"type": "object", "properties": {}} | (function.get("parameters") or {}),
            },
        }
        for wire, function in zip(wire_names(functions), functions, strict=True)
    ]


def _description(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"


def _turns(messages: Sequence[ChatMessage], wires: Mapping[str, str], echoes: Mapping[str, Echo]) -> list[list[dict[str, Any]]]:
    """The messages turn by turn, each beginning with what the user said; a greeting is one before the first.

    No two messages of one side follow each other: some models' templates refuse that.
    """
    turns: list[list[dict[str, Any]]] = []
    for message in messages:
        last = turns[-1][-1] if turns else {}
        match message:
            case UserText(text) if last.get("role") == "user":
                last["content"] += f"\n{text}"
            case UserText(text):
                turns.append([{"role": "user", "content": text}])
            case AgentText(text):
                turns = turns or [[]]
                turns[-1].append({"role": "assistant", "content": text})
            case CallMade():
                turns = turns or [[]]
                _add_call(turns[-1], message, wires.get(message.name) or wire_name(message.name), echoes.get(message.id, NO_ECHO))
    return turns


def _add_call(turn: list[dict[str, Any]], call: CallMade, wire: str, echo: Echo) -> None:
    """A call and its result: beside those of its round, else after the words before it, in their message."""
    call_id = echo.id or call.id
    requested = {
        "id": call_id,
        "type": "function",
        "function": {"name": wire, "arguments": orjson.dumps(dict(call.arguments)).decode()},
        **echo.call,
    }
    assistant = next((message for message in reversed(turn) if message["role"] == "assistant"), None)
    if assistant is not None and call.together and assistant.get("tool_calls"):
        assistant["tool_calls"].append(requested)
    elif assistant is not None and assistant is turn[-1]:
        assistant |= {"tool_calls": [requested], **echo.message}
    else:
        turn.append({"role": "assistant", "content": None, "tool_calls": [requested], **echo.message})
    turn.append({"role": "tool", "tool_call_id": call_id, "content": _NOT_ANSWERED if call.result is None else call.result})
