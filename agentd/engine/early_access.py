"""The early-access form of the protocol, which clients of before May 2025 speak at ``/agent``, as a translation to and from V1.

What it cannot say (acknowledgements, History, latencies) is left out. Source: Deepgram's migration guide, and its Azure demo.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from aiohttp import WSMessage, WSMsgType, web

from agentd.protocol.changing import DEFAULT_THINK_PROVIDER
from agentd.protocol.reading import object_of

PATH: Final = "/agent"

Document = dict[str, Any]

_UNKNOWN_TO_CLIENTS: Final = frozenset(
    {"PromptUpdated", "ThinkUpdated", "SpeakUpdated", "ListenUpdated", "History", "LatencyReport", "FunctionCallResponse",
     "FunctionCallCancelled"}
)  # fmt: skip
"""What V1 brought; an early client could do nothing with it."""


class EarlyAccessSocket(web.WebSocketResponse):
    """The socket of an early-access client: who reads and writes here sees V1."""

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - aiohttp's own
        """The next frame of the client, as V1 has it; a frame that is no message comes as it is, for the protocol to refuse."""
        frame = await super().receive(timeout)
        if frame.type is not WSMsgType.TEXT:
            return frame
        try:
            message = orjson.loads(frame.data)
            text = orjson.dumps(to_v1(message)) if isinstance(message, dict) else frame.data
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter for nesting without end
            return frame
        return WSMessage(WSMsgType.TEXT, text, frame.extra)

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send a message of V1 as the client knows it, which may be in several or in none."""
        for message in from_v1(orjson.loads(data)):
            await super().send_str(orjson.dumps(message).decode(), compress)


def to_v1(message: Document) -> Document:
    """A client's message; one that means the same in V1, or nothing, as it is."""
    match message.get("type"):
        case "SettingsConfiguration":
            return _settings(message)
        case "UpdateInstructions":
            return {"type": "UpdatePrompt", "prompt": message.get("instructions")}
        case "UpdateSpeak" if "speak" not in message:
            return {"type": "UpdateSpeak", "speak": _speak(message)}
        case "FunctionCallResponse" if "function_call_id" in message:
            answer = {"id": message["function_call_id"], "name": "", "content": message.get("output")}
            return {"type": "FunctionCallResponse"} | answer
        case _:
            return message


def from_v1(message: Document) -> Iterator[Document]:
    """A server's message, for the client."""
    match message["type"]:
        case "Welcome":
            yield {"type": "Welcome", "session_id": message["request_id"]}
        case "Error":
            yield {"type": "Error", "message": message["description"], "code": message["code"]}
        case "FunctionCallRequest":
            for call in message["functions"]:
                named = {"function_name": call["name"], "function_call_id": call["id"]}
                yield {"type": "FunctionCalling"} | named
                if call["client_side"]:
                    yield {"type": "FunctionCallRequest"} | named | {"input": _input(call["arguments"])}
        case kind if kind not in _UNKNOWN_TO_CLIENTS:
            yield message
        case _:
            pass


def _settings(message: Document) -> Document:
    agent, context = object_of(message.get("agent")), object_of(message.get("context"))
    said = [{"type": "History", **entry} for entry in _objects(context.get("messages"))]
    greeting = agent.get("greeting")
    if context.get("replay") is True and said and said[-1].get("role") == "assistant":
        greeting = said.pop().get("content")
    return {
        "type": "Settings",
        "experimental": True,  # AgentStartedSpeaking was for everybody then
        "flags": {"history": False},
        "audio": message.get("audio"),
        "agent": {
            "language": agent.get("language"),
            "listen": _listen(object_of(agent.get("listen"))),
            "think": _think(object_of(agent.get("think"))) if agent.get("think") else None,
            "speak": _speak(object_of(agent.get("speak"))),
            "context": {"messages": said},
            "greeting": greeting,
        },
    }


def _listen(block: Document) -> Document:
    return {"provider": {"type": "deepgram", "model": block.get("model"), "keyterms": block.get("keyterms")}}


def _speak(block: Document) -> Document:
    return {"provider": {"type": "deepgram", "model": block["model"]}} if block.get("model") else {}


def _think(block: Document) -> Document:
    """``custom`` was for servers of one's own that speak OpenAI's protocol; who had no URL used one of Deepgram's models."""
    provider = object_of(block.get("provider"))
    kind = provider.get("type") if provider.get("type") in ("open_ai", "anthropic") else "open_ai"
    return {
        "provider": {"type": kind, "model": block.get("model") or DEFAULT_THINK_PROVIDER["model"]},
        "endpoint": _endpoint(provider),
        "prompt": block.get("instructions"),
        "functions": [_function(item) for item in _objects(block.get("functions"))],
    }


def _function(function: Document) -> Document:
    plain = {key: value for key, value in function.items() if key not in ("url", "method", "headers", "key")}
    endpoint = _endpoint(function)
    return plain if endpoint is None else plain | {"endpoint": endpoint | {"method": function.get("method") or "POST"}}


def _endpoint(block: Document) -> Document | None:
    """URL and headers, which were a list of objects with ``key`` and ``value``."""
    if not block.get("url"):
        return None
    headers = {str(pair.get("key")): pair.get("value") for pair in _objects(block.get("headers"))}
    return {"url": block["url"], "headers": headers}


def _input(arguments: str) -> Any:
    """The arguments of a call, which were an object; text that is no JSON as it is."""
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments


def _objects(value: object) -> list[Document]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
