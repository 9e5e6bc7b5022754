"""What may come from a server: anything. It is an answer or a failure, however it is cut, and never a crash."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.engine.providers import Call, Say, ThinkEvent, ThinkFailed, Thought
from agentd.engine.think.answer import Answer, error_text

QUIET = settings(deadline=None)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
json = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3))


def members(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these members, each as it should be or as anything."""
    return st.fixed_dictionaries({}, optional={name: value | json for name, value in known.items()})


texts = st.sampled_from(
    ["", " ", "Hello. ", "<think>", "</think>", "<tool_call>", "</tool_call>", '{"name": "f"}', "<", "so, then"]
)
functions = members(name=st.sampled_from(["f", "g", ""]), arguments=st.sampled_from(["", "{", "}", '{"a": 1}', "[]"]))
parts = members(index=st.integers(-1, 2), id=st.sampled_from(["", "a", "b"]), function=functions, extra_content=members())
deltas = members(
    content=texts | st.lists(members(text=texts, thinking=texts), max_size=2),
    reasoning_content=texts,
    refusal=texts,
    tool_calls=st.lists(parts | json, max_size=3),
)
choices = members(delta=deltas, message=deltas, finish_reason=st.sampled_from(["stop", "tool_calls", "content_filter"]))
chunks = members(choices=st.lists(choices | json, max_size=2), error=members(message=texts)) | json


def played(stream: list[Any], *, in_thought: bool = False) -> list[ThinkEvent]:
    answer = Answer({"f": "f"}, "Nothing.", in_thought=in_thought)
    events: list[ThinkEvent] = []
    try:
        for chunk in stream:
            events += answer.take(chunk)
        events += answer.finish()
    except ThinkFailed:
        return events
    assert any(isinstance(event, Say | Call) for event in events), "the agent is never left without a word"
    return events


@QUIET
@given(st.lists(chunks, max_size=6), st.booleans())
def test_whatever_a_server_sends_is_an_answer_or_a_failure(stream: list[Any], in_thought: bool) -> None:
    for event in played(stream, in_thought=in_thought):
        match event:
            case Say(text) | Thought(text):
                assert text.strip() == text != ""
            case Call():
                assert event.id
                assert isinstance(event.arguments, dict)


well_formed = st.sampled_from(
    [
        "Hello. ",
        "<think>So it is. ",
        "<think>So.</think>",
        "a < b, and so on, ",
        '<tool_call>{"name": "f"}</tool_call>',
        "<",
        "\n",
    ]
)


@QUIET
@given(st.lists(well_formed, max_size=8), st.data())
def test_how_a_text_is_cut_changes_nothing_in_what_is_called_and_thought(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, cut = (played([{"choices": [{"delta": {"content": part}}]} for part in given]) for given in ([text], parts))
    for kind in (Call, Thought):
        assert [_what(event) for event in cut if isinstance(event, kind)] == [
            _what(event) for event in whole if isinstance(event, kind)
        ]
    assert _said(cut) == _said(whole)


def _what(event: ThinkEvent) -> object:
    return (event.name, event.arguments) if isinstance(event, Call) else event


def _said(events: list[ThinkEvent]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Say)).replace(" ", "")


@QUIET
@given(json)
def test_any_error_document_gives_a_short_text(document: Any) -> None:
    assert len(error_text(document)) <= 200
