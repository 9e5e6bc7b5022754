"""A conversation as OpenAI chat completions messages, cut to the context length."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import orjson

from agentd.engine.providers import AgentText, CallMade, ChatMessage, ThinkRequest, UserText

DEFAULT_CONTEXT: Final = 48_000
"""Characters of history sent when the Settings do not say: about 12,000 tokens, what small local models are run with."""

_NOT_ANSWERED: Final = "no answer"


def chat_messages(request: ThinkRequest) -> list[dict[str, Any]]:
    """The prompt and the latest turns that fit; whole ones, so that no result stands without its call. The last always fits.

    Deepgram counts the serialized messages with their function arguments and responses, without the system prompt
    (docs, "LLM models", context_length).
    """
    turns = _turns(request.messages)
    limit = request.context_length
    room = None if limit == "max" else limit if isinstance(limit, int) else DEFAULT_CONTEXT
    kept: list[list[dict[str, Any]]] = []
    for turn in reversed(turns):
        size = len(orjson.dumps(turn))
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
                "name": function.get("name"),
                "description": function.get("description") or "",
                "parameters": function.get("parameters") or {"type": "object", "properties": {}},
            },
        }
        for function in functions
    ]


def _turns(messages: Sequence[ChatMessage]) -> list[list[dict[str, Any]]]:
    """The messages turn by turn, each beginning with what the user said; a greeting is one before the first."""
    turns: list[list[dict[str, Any]]] = []
    for are_calls, group in groupby(messages, lambda message: isinstance(message, CallMade)):
        if are_calls:
            turns = turns or [[]]
            turns[-1] += _calls([message for message in group if isinstance(message, CallMade)])
            continue
        for message in group:
            if not turns or isinstance(message, UserText):
                turns.append([])
            turns[-1].append(_text(message))
    return turns


def _text(message: ChatMessage) -> dict[str, Any]:
    match message:
        case UserText(text):
            return {"role": "user", "content": text}
        case AgentText(text):
            return {"role": "assistant", "content": text}
        case CallMade():
            raise AssertionError("calls are written by _calls")


def _calls(calls: Sequence[CallMade]) -> list[dict[str, Any]]:
    requested = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": orjson.dumps(dict(call.arguments)).decode()},
        }
        for call in calls
    ]
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": _NOT_ANSWERED if call.result is None else call.result}
        for call in calls
    ]
    return [{"role": "assistant", "content": None, "tool_calls": requested}, *results]
