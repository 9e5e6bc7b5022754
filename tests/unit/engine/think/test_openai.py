"""The chat completions thinker against a real server on loopback that speaks the protocol's server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from agentd.engine.providers import AgentText, Call, CallMade, Say, ThinkEvent, ThinkFailed, ThinkRequest, Thought, UserText
from agentd.engine.think import build_thinker
from agentd.engine.think.matcher.thinker import OfflineMatcher
from agentd.engine.think.openai import OpenAIThinker
from tests.support.model_server import NO_CHOICES, PATH, QUERY, Answer, ModelServer, called, delta, model_server, tool

Peer = tuple[ModelServer, str]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with model_server(Answer()) as running:
        yield running


def plays(server: ModelServer, *chunks: dict[str, Any] | str | bytes, **how: Any) -> None:
    server.answers = [Answer(chunks, **how)]


def ask(*messages: Any, **given: Any) -> ThinkRequest:
    fields: dict[str, Any] = {
        "prompt": "Be brief.",
        "messages": messages or (UserText("hello"),),
        "functions": (),
        "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
    }
    return ThinkRequest(**{**fields, **given})


async def answer(url: str, request: ThinkRequest, headers: dict[str, str] | None = None) -> list[ThinkEvent]:
    thinker = OpenAIThinker({"url": url, "headers": headers or {}})
    try:
        return [event async for event in thinker.think(request)]
    finally:
        await thinker.aclose()


async def test_an_endpoint_makes_a_chat_thinker_and_none_the_matcher() -> None:
    assert isinstance(build_thinker({"provider": {"type": "open_ai"}, "endpoint": {"url": "http://x/y"}}), OpenAIThinker)
    assert isinstance(build_thinker({"provider": {"type": "open_ai", "model": "gpt-4o"}}), OfflineMatcher)
    assert isinstance(build_thinker({}), OfflineMatcher)


async def test_text_is_spoken_sentence_by_sentence_while_it_streams(peer: Peer) -> None:
    server, url = peer
    plays(
        server,
        NO_CHOICES,
        delta(role="assistant", content=""),
        *(delta(content=piece) for piece in ("He", "llo. I", " am", " here")),
        stall=True,
    )
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())

    async with asyncio.timeout(30):
        assert await anext(events) == Say("Hello."), "before the answer is complete"
    server.go_on.set()
    assert [event async for event in events] == [Say("I am here")]
    await thinker.aclose()


async def test_the_url_and_the_headers_are_used_exactly_as_given(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    server, url = peer
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "from-the-environment")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    plays(server, delta(content="Yes."))

    assert await answer(url, ask(), {"api-key": "azure-key", "X-Team": "kitchen"}) == [Say("Yes.")]

    sent = server.requests[0]
    assert sent["path"] == f"{PATH}?{QUERY}"
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    assert headers.pop("api-key") == "azure-key"
    assert headers.pop("x-team") == "kitchen"
    assert set(headers) <= {"host", "accept", "connection", "content-type", "content-length"}
    assert "from-the-environment" not in str(sent)


async def test_an_authorization_header_is_sent_only_when_given(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Yes."))
    await answer(url, ask(), {"Authorization": "Bearer mine"})

    assert server.requests[0]["headers"]["Authorization"] == "Bearer mine"


async def test_prompt_history_functions_and_model_options_are_sent(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Yes."))
    function = {"name": "get_time", "description": "Tell the time.", "parameters": {"type": "object"}, "defer_until_eot": False}
    request = ask(
        AgentText("Hello."),
        UserText("what time is it"),
        CallMade("c1", "get_time", {"zone": "UTC"}, "noon"),
        CallMade("c2", "get_time", {}, "one", together=True),
        AgentText("It is noon."),
        UserText("thanks"),
        functions=(function, {"name": "bare"}),
        provider={"type": "open_ai", "model": "m1", "temperature": 0.5, "reasoning_mode": "low"},
    )

    await answer(url, request)

    body = server.requests[0]["body"]
    assert body["stream"] is True
    assert (body["model"], body["temperature"], body["reasoning_effort"]) == ("m1", 0.5, "low")
    nothing = {"type": "object", "properties": {}}
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "get_time", "description": "Tell the time.", "parameters": nothing},
        },
        {"type": "function", "function": {"name": "bare", "description": "", "parameters": nothing}},
    ]
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "assistant", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert [call["id"] for call in body["messages"][3]["tool_calls"]] == ["c1", "c2"]
    assert body["messages"][4] == {"role": "tool", "tool_call_id": "c1", "content": "noon"}


async def test_without_functions_no_tools_are_sent(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Yes."))
    await answer(url, ask())

    assert "tools" not in server.requests[0]["body"]


async def test_a_streamed_tool_call_is_put_together(peer: Peer) -> None:
    server, url = peer
    plays(
        server,
        delta(role="assistant", content=None, tool_calls=[tool(0, id="call_1", name="set_light")]),
        delta(tool_calls=[tool(0, arguments='{"room": "kit')]),
        delta(tool_calls=[tool(0, arguments='chen", "on": true}')]),
        delta(tool_calls=[tool(1, id="call_2", name="get_time")]),
    )

    assert await answer(url, ask()) == [
        Call("set_light", {"room": "kitchen", "on": True}, "call_1"),
        Call("get_time", {}, "call_2"),
    ]


async def test_whole_calls_that_are_all_numbered_alike_stay_apart(peer: Peer) -> None:
    server, url = peer
    plays(
        server,
        delta(tool_calls=[tool(0, id="a", name="get_time", arguments="{}")]),
        delta(tool_calls=[tool(0, id="b", name="get_date", arguments="{}")]),
    )

    assert [event.id for event in await answer(url, ask()) if isinstance(event, Call)] == ["a", "b"]


async def test_words_before_a_call_are_said_before_it(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="One moment."), delta(tool_calls=[tool(0, id="a", name="get_time", arguments="{}")]))

    assert await answer(url, ask()) == [Say("One moment."), Call("get_time", {}, "a")]


async def test_reasoning_is_a_thought_and_not_spoken(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(reasoning_content="The user "), delta(reasoning_content="greets."), delta(content="Hello."))

    assert await answer(url, ask()) == [Thought("The user greets."), Say("Hello.")]


async def test_an_empty_answer_says_something_rather_than_nothing(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(role="assistant", content=""), NO_CHOICES)

    assert await answer(url, ask()) == [Say("Sorry, I have no answer to that.")]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_refusal_fails_with_the_status_and_the_servers_words(peer: Peer, status: int) -> None:
    server, url = peer
    body = b'{"error": {"message": "Incorrect key secret-key-1 given for 2024-10-21", "code": "x"}}'
    plays(server, status=status, content_type="application/json", body=body)

    with pytest.raises(ThinkFailed) as failed:
        await answer(url, ask(), {"Authorization": "Bearer secret-key-1"})

    assert f"answered {status}: Incorrect key *** given for ***" in str(failed.value)
    assert "secret-key-1" not in str(failed.value)
    assert "2024-10-21" not in str(failed.value), "the query may hold a key"
    assert len(server.requests) == 1, "the next think block is tried, not the same server again"


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("application/json", b'{"message": "model not found"}', "answered 404: model not found"),
        ("application/json", b'{"error": "no such model"}', "answered 404: no such model"),
        ("application/json", b'{"detail": "Not Found"}', "answered 404: Not Found"),
        ("application/octet-stream", b'[{"error": {"code": 404, "message": "no model"}}]', "answered 404: no model"),
        ("text/plain", b"404 page not found", "answered 404: 404 page not found"),
        ("text/html", b"<html><body>Not found</body></html>", "answered 404$"),
        ("application/json", b"[", "answered 404$"),
        ("text/plain", b"x" * 100_000, "answered 404: x+$"),
    ],
)
async def test_a_refusal_is_told_in_the_servers_words_whatever_their_shape(
    peer: Peer, content_type: str, body: bytes, told: str
) -> None:
    server, url = peer
    plays(server, status=404, content_type=content_type, body=body)

    with pytest.raises(ThinkFailed, match=told) as failed:
        await answer(url, ask())
    assert len(str(failed.value)) <= 500


async def test_a_redirect_is_not_followed(peer: Peer) -> None:
    server, url = peer
    plays(server, status=307, body=b"moved", headers={"Location": "/elsewhere"})

    with pytest.raises(ThinkFailed, match="answered 307"):
        await answer(url, ask())
    assert len(server.requests) == 1


async def test_a_server_that_is_not_there_is_told(unused_tcp_port: int) -> None:
    with pytest.raises(ThinkFailed, match="cannot be reached"):
        await answer(f"http://127.0.0.1:{unused_tcp_port}/v1/chat/completions", ask())


async def test_a_header_that_cannot_be_sent_is_told_without_its_value(peer: Peer) -> None:
    _, url = peer
    with pytest.raises(ThinkFailed) as failed:
        await answer(url, ask(), {"api-key": "secret-key-1\r\nX-Other: 1"})
    assert "secret-key-1" not in str(failed.value)


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("application/json", b'{"choices": []}', "ended before it began"),
        ("application/json", b'{"error": {"message": "overloaded"}}', "overloaded"),
        ("application/json", b"[]", "no chat completion"),
        ("text/html", b"<html>", "no chat completion"),
        ("text/event-stream", b": nothing\n\n", "ended before it began"),
        ("text/event-stream", b"data: [DONE]\n\n", "ended before it began"),
        ("text/event-stream", b"data: {not json\n\n", "no chat completion"),
        ("text/event-stream", b'data: "words"\n\n', "no chat completion"),
        ("text/event-stream", b'data: {"error": {"message": "overloaded"}}\n\n', "overloaded"),
        ("text/event-stream", b"data: " + b"x" * 1_000_000, "no usable answer"),
    ],
)
async def test_another_kind_of_answer_fails_with_what_came(peer: Peer, content_type: str, body: bytes, told: str) -> None:
    server, url = peer
    plays(server, content_type=content_type, body=body)

    with pytest.raises(ThinkFailed, match=told):
        await answer(url, ask())


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": {}},
        {"choices": ["x"]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": 5, "tool_calls": {}}}]},
        {"choices": [{"delta": {"content": [1, {"text": 2}], "tool_calls": [7, None]}}]},
        {"choices": [{"delta": {"content": None, "reasoning": {}, "refusal": []}, "finish_reason": 3}]},
    ],
)
async def test_chunks_of_the_wrong_shape_are_passed_over(peer: Peer, chunk: dict[str, Any]) -> None:
    server, url = peer
    plays(server, chunk, delta(content="Yes."))

    assert await answer(url, ask()) == [Say("Yes.")]


async def test_a_compressed_answer_is_refused_unread(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Yes."), headers={"Content-Encoding": "gzip"})

    with pytest.raises(ThinkFailed, match="answered in 'gzip'"):
        await answer(url, ask())


async def test_an_answer_that_is_not_streamed_is_taken(peer: Peer) -> None:
    server, url = peer
    message = {"role": "assistant", "content": "One moment. Wait", "tool_calls": [tool(None, id="a", name="get_time")]}
    whole = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    plays(server, content_type="application/json", body=orjson.dumps(whole))

    assert await answer(url, ask()) == [Say("One moment."), Say("Wait"), Call("get_time", {}, "a")]


@pytest.mark.parametrize("arguments", ['{"room": ', "[1, 2]", "kitchen", '"kitchen"'])
async def test_a_call_with_arguments_that_are_no_object_is_handed_back(peer: Peer, arguments: str) -> None:
    server, url = peer
    plays(server, called("set_light", arguments))

    (call,) = await answer(url, ask())
    assert isinstance(call, Call)
    assert (call.name, call.arguments, call.id) == ("set_light", {}, "call_1")
    assert call.fault is not None


@pytest.mark.parametrize("arguments", [{"room": "hall"}, '{"room": "hall"}', '"{\\"room\\": \\"hall\\"}"'])
async def test_arguments_are_taken_as_text_as_an_object_and_twice_encoded(peer: Peer, arguments: Any) -> None:
    server, url = peer
    plays(server, delta(tool_calls=[tool(0, id="a", name="set_light", arguments=arguments)]))

    assert await answer(url, ask()) == [Call("set_light", {"room": "hall"}, "a")]


async def test_calls_without_numbers_are_put_together_by_their_names(peer: Peer) -> None:
    server, url = peer
    plays(
        server,
        delta(tool_calls=[tool(None, name="set_light", arguments='{"room": ')]),
        delta(tool_calls=[tool(None, arguments='"hall"}')]),
        delta(tool_calls=[tool(None, name="get_time"), tool(None, name="get_date")]),
    )

    expected = [("set_light", {"room": "hall"}), ("get_time", {}), ("get_date", {})]
    assert [(call.name, call.arguments) for call in await answer(url, ask()) if isinstance(call, Call)] == expected


async def test_streamed_calls_that_are_all_numbered_alike_stay_apart(peer: Peer) -> None:
    server, url = peer
    plays(
        server,
        delta(tool_calls=[tool(0, id="a", name="set_light")]),
        delta(tool_calls=[tool(0, arguments='{"on": true}')]),
        delta(tool_calls=[tool(0, id="b", name="set_light")]),
        delta(tool_calls=[tool(0, arguments='{"on": false}')]),
        delta(tool_calls=[tool(0, name="set_light", arguments="{}")]),
    )

    calls = [call for call in await answer(url, ask()) if isinstance(call, Call)]
    assert [call.arguments for call in calls] == [{"on": True}, {"on": False}, {}]
    assert [call.id for call in calls][:2] == ["a", "b"]


async def test_a_call_whose_id_or_name_comes_again_with_every_piece_is_one(peer: Peer) -> None:
    server, url = peer
    plays(
        server,
        delta(tool_calls=[tool(0, id="a", name="set_light", arguments='{"on"')]),
        delta(tool_calls=[tool(0, id="a", name="set_light", arguments=": true")]),
        delta(tool_calls=[tool(0, id="other", arguments="}")]),
    )

    assert await answer(url, ask()) == [Call("set_light", {"on": True}, "a")]


async def test_calls_that_stand_in_the_text_are_calls(peer: Peer) -> None:
    server, url = peer
    text = (
        'On it.<tool_call>{"name": "set_light", "arguments": {"on": true}}</tool_call>\n'
        '<tool_call>{"name": "get_time"}</tool_call><tool_call>nonsense</tool_call><tool_call>{"name": "set_light"}'
    )
    for size in (1, 5, 500):
        plays(server, *(delta(content=text[at : at + size]) for at in range(0, len(text), size)))
        events = await answer(url, ask())
        assert events[0] == Say("On it.")
        calls = [(event.name, event.arguments) for event in events[1:] if isinstance(event, Call)]
        assert calls == [("set_light", {"on": True}), ("get_time", {}), ("set_light", {})]


async def test_names_that_chat_completions_refuses_are_sent_otherwise_and_come_back_as_declared(peer: Peer) -> None:
    server, url = peer
    plays(
        server, delta(tool_calls=[tool(0, name="light_turn_on"), tool(1, name="light_turn_on_2"), tool(2, name="functions.ok")])
    )
    names = ("light.turn on", "light_turn on", "ok", "ö" * 70)
    request = ask(
        UserText("go"),
        CallMade("c1", "light_turn on", {}, "done"),
        CallMade("c2", "invented!", {}, "unknown", together=True),
        functions=tuple({"name": name, "description": "d" * 5000} for name in names),
    )

    calls = await answer(url, request)

    assert [call.name for call in calls if isinstance(call, Call)] == ["light.turn on", "light_turn on", "ok"]
    body = server.requests[0]["body"]
    sent = [tool["function"] for tool in body["tools"]]
    assert [function["name"] for function in sent] == ["light_turn_on", "light_turn_on_2", "ok", "_" * 64]
    assert {len(function["description"]) for function in sent} == {1024}
    assert [call["function"]["name"] for call in body["messages"][2]["tool_calls"]] == ["light_turn_on_2", "invented_"]


async def test_words_before_a_call_are_said_while_the_call_still_streams(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="One moment"), delta(tool_calls=[tool(0, id="a", name="get_time")]), stall=True)
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())

    async with asyncio.timeout(30):
        assert await anext(events) == Say("One moment")
    server.go_on.set()
    assert [event async for event in events] == [Call("get_time", {}, "a")]
    await thinker.aclose()


async def test_the_first_clause_is_said_before_its_sentence_is_complete(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="The kitchen light is on now, and the"), stall=True)
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())

    async with asyncio.timeout(30):
        assert await anext(events) == Say("The kitchen light is on now,")
    server.go_on.set()
    assert [event async for event in events] == [Say("and the")]
    await thinker.aclose()


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_fields_are_thoughts(peer: Peer, field: str) -> None:
    server, url = peer
    plays(server, delta(**{field: "The user\n\ngreets."}), delta(content="Hello."))

    assert await answer(url, ask()) == [Thought("The user"), Thought("greets."), Say("Hello.")]


async def test_thoughts_between_tags_are_not_spoken_however_they_are_cut(peer: Peer) -> None:
    server, url = peer
    text = "<think>\nThe user greets. I greet.\n</think>\n\nHello, 1 < 2 and a<b. <Thinking>Done.</Thinking> Bye."
    for size in (1, 3, 7, 200):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        plays(server, *(delta(content=piece) for piece in pieces))
        events = await answer(url, ask())
        assert [event for event in events if isinstance(event, Thought)] == [
            Thought("The user greets. I greet."),
            Thought("Done."),
        ]
        assert " ".join(event.text for event in events if isinstance(event, Say)) == "Hello, 1 < 2 and a<b. Bye."


async def test_a_thought_that_began_in_the_template_is_not_spoken_as_far_as_it_was_held(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="The user greets"), delta(content=" so</think>Hello."))

    events = await answer(url, ask())
    assert [event for event in events if isinstance(event, Say)] == [Say("Hello.")]


async def test_a_model_whose_template_opens_its_thoughts_is_known_after_its_first_answer(peer: Peer) -> None:
    server, url = peer
    thinker = OpenAIThinker({"url": url})
    thinking = Answer([delta(content="The user greets. I greet too."), delta(content="</think>\n\nHello.", finish="stop")])
    plain = Answer([delta(content="Good "), delta(content="bye.", finish="stop")])
    server.answers = [thinking, thinking, plain, thinking]

    rounds = [[event async for event in thinker.think(ask())] for _ in range(4)]
    await thinker.aclose()
    assert rounds[1] == [Thought("The user greets. I greet too."), Say("Hello.")]
    assert rounds[2] == [Say("Good bye.")], "there was no thought in it"
    assert Say("Hello.") in rounds[3]


async def test_what_a_server_gives_with_its_calls_it_gets_back(peer: Peer) -> None:
    server, url = peer
    thinker = OpenAIThinker({"url": url})
    signed = tool(0, id="a", name="get_time") | {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    plays(
        server,
        delta(reasoning_content="The clock "),
        delta(reasoning_content="knows."),
        delta(tool_calls=[signed, tool(1, id="x" * 2000, name="get_date")]),
    )

    calls = [event async for event in thinker.think(ask()) if isinstance(event, Call)]
    made = [CallMade(str(call.id), call.name, call.arguments, "noon", together=n > 0) for n, call in enumerate(calls)]
    assert max(len(call.id) for call in made) <= 40
    async for _ in thinker.think(ask(UserText("go"), *made)):
        pass
    await thinker.aclose()

    user, assistant, first, second = server.messages[1:]
    assert user["role"] == "user"
    assert assistant["reasoning_content"] == "The clock knows."
    assert assistant["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert "extra_content" not in assistant["tool_calls"][1]
    assert [call["id"] for call in assistant["tool_calls"]] == ["a", "x" * 2000]
    assert [first["tool_call_id"], second["tool_call_id"]] == ["a", "x" * 2000]


async def test_thoughts_in_parts_of_the_content_are_not_spoken(peer: Peer) -> None:
    server, url = peer
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Greet."}]}
    plays(server, delta(content=[thinking, {"type": "text", "text": "Hello."}]))

    assert await answer(url, ask()) == [Thought("Greet."), Say("Hello.")]


async def test_a_long_thought_comes_in_pieces(peer: Peer) -> None:
    server, url = peer
    plays(server, *[delta(reasoning_content="and so on " * 50)] * 10, delta(content="Yes."))

    thoughts = [event.text for event in await answer(url, ask()) if isinstance(event, Thought)]
    assert len(thoughts) > 3
    assert " ".join(thoughts) == " ".join(["and so on"] * 500)


async def test_after_a_call_no_words_are_an_assent(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="", finish="stop"))

    assert await answer(url, ask(UserText("bye"), CallMade("c", "end_call", {}, "closing"))) == [Say("Okay.")]


async def test_a_refusal_of_the_model_is_spoken(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(refusal="I can't help"), delta(refusal=" with that.", finish="stop"))

    assert await answer(url, ask()) == [Say("I can't help with that.")]


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "function_call", "eos", "", None])
async def test_an_answer_ends_for_whatever_reason(peer: Peer, reason: str | None) -> None:
    server, url = peer
    plays(server, delta(content="Yes."), delta(finish=reason), NO_CHOICES | {"usage": {"total_tokens": 9}})

    assert await answer(url, ask()) == [Say("Yes.")]


async def test_an_answer_that_a_content_filter_stops_fails_after_what_was_said(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Yes. But"), delta(finish="content_filter"))
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())
    assert [await anext(events), await anext(events)] == [Say("Yes."), Say("But")]
    with pytest.raises(ThinkFailed, match="content filter"):
        await anext(events)
    await thinker.aclose()


async def test_comments_event_names_and_line_ends_of_every_kind_are_no_matter(peer: Peer) -> None:
    server, url = peer
    chunk = orjson.dumps(delta(content="Yes."))
    plays(server, b": keep-alive\n\n", b"event: message\r\nid: 4\r\nretry: 10\r\ndata:" + chunk + b"\r\n\r\n", b":\n\n")

    assert await answer(url, ask()) == [Say("Yes.")]


async def test_a_server_that_stops_in_the_middle_is_given_up(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    server, url = peer
    monkeypatch.setattr("agentd.engine.think.openai.SILENCE_S", 0.2)
    plays(server, delta(content="Well"), stall=True)

    with pytest.raises(ThinkFailed, match="did not answer in time"):
        await answer(url, ask())


async def test_a_connection_that_breaks_in_the_middle_fails(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Well"), breaks=True)

    with pytest.raises(ThinkFailed, match="no usable answer"):
        await answer(url, ask())


async def test_a_connection_that_breaks_after_the_end_of_the_answer_does_no_harm(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Well.", finish="stop"), breaks=True)

    assert await answer(url, ask()) == [Say("Well.")]


async def test_a_model_that_does_not_stop_is_stopped(peer: Peer) -> None:
    server, url = peer
    plays(server, *[delta(content="word " * 100)] * 60)

    with pytest.raises(ThinkFailed, match="longer than 16000 characters"):
        await answer(url, ask())


async def test_a_model_that_does_not_stop_calling_is_stopped(peer: Peer) -> None:
    server, url = peer
    plays(server, *(called("get_time", id=str(number)) for number in range(100)))

    with pytest.raises(ThinkFailed, match="more than 64 calls"):
        await answer(url, ask())


@pytest.mark.parametrize("url", ["ftp://host/x", "not a url", "http://", "/v1/chat/completions"])
async def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ThinkFailed, match="full http or https URL"):
        await answer(url, ask())


async def test_closing_the_iterator_ends_the_request(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="One. Two"), stall=True)
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())
    async with asyncio.timeout(30):
        await anext(events)
        await events.aclose()
        await server.gone.wait()
        await thinker.aclose()

    assert thinker._rounds == 0


async def test_rounds_of_one_turn_share_a_connection(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="Yes.", finish="stop"))
    thinker = OpenAIThinker({"url": url})

    for _ in range(3):
        assert [event async for event in thinker.think(ask())] == [Say("Yes.")]
    assert len(server.connections) == 1
    await thinker.aclose()
    assert thinker._server._session is None


async def test_a_thinker_that_is_replaced_in_the_middle_of_a_round_ends_it_first(peer: Peer) -> None:
    server, url = peer
    plays(server, delta(content="One. Two"), stall=True)
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())
    async with asyncio.timeout(30):
        await anext(events)
        await thinker.aclose()
        server.go_on.set()
        assert [event async for event in events] == [Say("Two")]
    assert thinker._server._session is None
