"""The ways in which known servers stream one and the same answer: thoughts where they have some, words, and a call."""

from typing import Any

import orjson
import pytest

from agentd.engine.providers import Call, Say, ThinkEvent, ThinkFailed, ThinkRequest, Thought, UserText
from agentd.engine.think.openai import OpenAIThinker
from tests.support.model_server import Answer, model_server

WORDS = "Let me look."
ARGUMENTS = {"room": "hall"}
TEXT = '{"room":"hall"}'


def stream(*events: dict[str, Any] | str) -> bytes:
    """Server-sent events; a text stands for itself."""
    return "".join(
        f"{event}\n\n" if isinstance(event, str) else f"data: {orjson.dumps(event).decode()}\n\n" for event in events
    ).encode()


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk with the members that all servers have; ``choice_`` members go into the choice."""
    choice = {name.removeprefix("choice_"): more.pop(name) for name in list(more) if name.startswith("choice_")}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish} | choice]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices} | more


def call(function: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": function} | more]}


def pieces(first: dict[str, Any]) -> list[dict[str, Any]]:
    """A call in three pieces, the first with ``first``."""
    begin = chunk(call({"name": "get_light", "arguments": ""}, index=0, **first))
    return [begin, *(chunk(call({"arguments": part}, index=0)) for part in ('{"room"', ':"hall"}'))]


NOTHING_FILTERED = {"hate": {"filtered": False, "severity": "safe"}}

SERVERS = {
    "openai": stream(
        chunk({"role": "assistant", "content": "", "refusal": None}, usage=None, service_tier="default", obfuscation="x1"),
        chunk({"content": "Let me"}, usage=None, obfuscation="a"),
        chunk({"content": " look."}, usage=None, obfuscation="b3"),
        *pieces({"id": "call_a", "type": "function"}),
        chunk({}, "tool_calls", usage=None),
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 9}},
        "data: [DONE]",
    ),
    "azure": stream(
        {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{"prompt_index": 0}]},
        chunk({"role": "assistant", "content": ""}, choice_content_filter_results={}, choice_logprobs=None),
        chunk({"content": "Let me look."}, choice_content_filter_results=NOTHING_FILTERED),
        *pieces({"id": "call_a", "type": "function"}),
        chunk({}, None, choice_content_filter_offsets={"check_offset": 44}, choice_content_filter_results=NOTHING_FILTERED),
        chunk({}, "tool_calls", choice_content_filter_results={}),
        "data: [DONE]",
    ),
    "ollama": stream(
        chunk({"role": "assistant", "content": "", "reasoning": "The hall."}, system_fingerprint="fp_ollama"),
        chunk({"role": "assistant", "content": "Let me look."}),
        chunk(
            {"role": "assistant", "content": ""}
            | call({"name": "get_light", "arguments": TEXT}, id="call_a", index=0, type="function")
        ),
        chunk({"role": "assistant", "content": ""}, "tool_calls"),
        "data: [DONE]",
    ),
    "llama.cpp": stream(
        chunk({"role": "assistant", "content": None}),
        chunk({"reasoning_content": "The hall."}),
        chunk({"content": "Let me look."}),
        *pieces({"id": "a", "type": "function"}),
        chunk({}, "tool_calls", timings={"predicted_per_second": 78.1}, usage={"total_tokens": 9}),
        "data: [DONE]",
    ),
    "vllm": stream(
        chunk({"role": "assistant", "content": ""}, choice_logprobs=None, choice_token_ids=None),
        chunk({"reasoning": "The", "reasoning_content": "The"}),
        chunk({"reasoning": " hall.", "reasoning_content": " hall."}),
        chunk({"content": "\n\nLet me look."}),
        *pieces({"id": "chatcmpl-tool-1", "type": "function"}),
        chunk({"content": ""}, "tool_calls", choice_stop_reason=None),
        "data: [DONE]",
    ),
    "gemini": stream(
        chunk({"role": "assistant", "content": "Let me look."}),
        chunk(
            {"role": "assistant"}
            | call(
                {"name": "get_light", "arguments": TEXT},
                extra_content={"google": {"thought_signature": "c2ln"}},
                id="function-call-1",
                type="function",
            ),
            "stop",
        ),
        "data: [DONE]",
    ),
    "groq": stream(
        chunk({"role": "assistant", "content": "", "channel": "analysis"}, x_groq={"id": "req_1"}),
        chunk({"reasoning": "The hall.", "channel": "analysis"}),
        chunk({"content": "Let me look."}),
        chunk(call({"name": "functions.get_light", "arguments": TEXT}, id="fc_1", index=0, type="function")),
        chunk({}, "tool_calls", x_groq={"usage": {"total_tokens": 9}}),
        "data: [DONE]",
    ),
    "mistral": stream(
        chunk({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "The hall."}]}]}),
        chunk({"content": [{"type": "text", "text": "Let me look."}]}),
        chunk({"content": ""} | call({"name": "get_light", "arguments": TEXT}, id="D681PevKs", index=0), "tool_calls"),
        "data: [DONE]",
    ),
    "deepseek": stream(
        ": keep-alive",
        chunk({"role": "assistant", "content": None, "reasoning_content": ""}),
        chunk({"content": None, "reasoning_content": "The hall."}),
        ": keep-alive",
        chunk({"content": "Let me look.", "reasoning_content": None}),
        *pieces({"id": "call_00_a", "type": "function"}),
        chunk({"content": "", "reasoning_content": None}, "tool_calls", usage={"total_tokens": 9}),
        "data: [DONE]",
    ),
    "openrouter": stream(
        ": OPENROUTER PROCESSING",
        chunk({"role": "assistant", "content": "", "reasoning": "The hall.", "reasoning_details": [{"type": "reasoning.text"}]}),
        chunk({"role": "assistant", "content": "Let me look.", "reasoning": None}, provider="Any"),
        *pieces({"id": "a", "type": "function"}),
        chunk({"role": "assistant", "content": ""}, "tool_calls", choice_native_finish_reason="TOOL_CALLS"),
        "data: [DONE]",
    ),
    "a server that leaves calls in the text": stream(
        chunk({"role": "assistant", "content": "<think>The hall.</think>Let me look.\n<tool_"}),
        chunk({"content": 'call>\n{"name": "get_light", "argu'}),
        chunk({"content": 'ments": {"room": "hall"}}\n</tool_call>'}, "stop"),
        "data: [DONE]",
    ),
    "a server with tags and without an end": stream(
        chunk({"content": "<think>The"}),
        chunk({"content": " hall.</think>Let me look."}),
        chunk(call({"name": "get_light", "arguments": ARGUMENTS})),
    ),
}


async def events_of(raw: bytes) -> list[ThinkEvent]:
    request = ThinkRequest("Be brief.", (UserText("look"),), ({"name": "get_light"},), {"type": "open_ai", "model": "m"})
    async with model_server(Answer([raw], done=False)) as (_, url):
        thinker = OpenAIThinker({"url": url})
        try:
            return [event async for event in thinker.think(request)]
        finally:
            await thinker.aclose()


@pytest.mark.parametrize("server", SERVERS)
async def test_an_answer_is_understood_as_its_server_streams_it(server: str) -> None:
    *before, made = await events_of(SERVERS[server])
    assert isinstance(made, Call)
    assert (made.name, made.arguments, made.fault) == ("get_light", ARGUMENTS, None)
    assert [event for event in before if isinstance(event, Say)] == [Say(WORDS)]
    thoughts = [event for event in before if isinstance(event, Thought)]
    assert thoughts == ([] if server in {"openai", "azure", "gemini"} else [Thought("The hall.")])


async def test_an_error_in_mid_stream_is_one() -> None:
    error = {"code": 502, "message": "Provider disconnected"}
    with pytest.raises(ThinkFailed, match="Provider disconnected"):
        await events_of(stream(chunk({"content": "Let me"}), chunk({"content": ""}, "error", error=error)))
