"""Which part of a conversation a chat model gets to see."""

from agentd.engine.providers import AgentText, CallMade, ChatMessage, ThinkRequest, UserText
from agentd.engine.think.chat import DEFAULT_CONTEXT, chat_messages


def turns(count: int, *, size: int = 10) -> tuple[ChatMessage, ...]:
    return tuple(
        message
        for number in range(count)
        for message in (
            UserText(f"question {number} " + "x" * size),
            CallMade(f"c{number}", "look_up", {"number": number}, "result"),
            AgentText(f"answer {number}"),
        )
    )


def texts(context_length: int | str | None, messages: tuple[ChatMessage, ...]) -> list[str]:
    request = ThinkRequest("The prompt.", messages, (), {}, context_length=context_length)
    return [str(message["content"]) for message in chat_messages(request)]


def test_everything_is_sent_when_it_fits() -> None:
    assert len(texts(None, turns(3))) == 1 + 3 * 4


def test_the_oldest_turns_are_left_out_first_and_whole() -> None:
    messages = (*turns(50), UserText("now"))
    sent = texts(2000, messages)

    assert sent[0] == "The prompt."
    assert sent[-1] == "now"
    assert sent[1].startswith("question"), "no result without its call, no answer without its question"
    assert sum(map(len, sent)) < 2000
    assert len(sent) > 5


def test_the_last_turn_is_sent_however_long_it_is() -> None:
    messages = (*turns(3), UserText("y" * 5000), CallMade("c", "look_up", {}, "z" * 5000))

    assert texts(100, messages)[1] == "y" * 5000
    assert len(texts(100, messages)) == 4


def test_max_sends_all_and_silence_sends_a_bounded_part() -> None:
    messages = turns(2000, size=100)

    assert len(texts("max", messages)) == 1 + 2000 * 4
    assert sum(map(len, texts(None, messages))) < DEFAULT_CONTEXT


def test_a_greeting_comes_before_the_first_turn() -> None:
    assert texts(None, (AgentText("Hello."), UserText("hi"))) == ["The prompt.", "Hello.", "hi"]


def test_an_empty_prompt_is_left_out() -> None:
    assert [message["role"] for message in chat_messages(ThinkRequest("", (UserText("hi"),), (), {}))] == ["user"]


def test_a_call_without_answer_gets_one() -> None:
    request = ThinkRequest("", (UserText("hi"), CallMade("c", "x", {}, None)), (), {})

    assert chat_messages(request)[-1] == {"role": "tool", "tool_call_id": "c", "content": "no answer"}


def written(*messages: ChatMessage) -> list[tuple[str, str | None, int]]:
    sent = chat_messages(ThinkRequest("", messages, (), {}))
    return [(message["role"], message.get("content"), len(message.get("tool_calls", ()))) for message in sent]


def test_calls_of_one_round_stand_together_and_those_of_the_next_apart() -> None:
    calls = [CallMade(str(number), "look_up", {}, f"r{number}", together=number == 1) for number in range(3)]
    assert written(UserText("go"), AgentText("One moment."), *calls) == [
        ("user", "go", 0),
        ("assistant", "One moment.", 2),
        ("tool", "r0", 0),
        ("tool", "r1", 0),
        ("assistant", None, 1),
        ("tool", "r2", 0),
    ]


def test_what_the_user_says_in_two_pieces_is_one_message() -> None:
    assert written(UserText("turn on"), UserText("the lamp")) == [("user", "turn on\nthe lamp", 0)]


def test_a_conversation_may_begin_with_a_call() -> None:
    assert written(CallMade("1", "look_up", {}, None)) == [("assistant", None, 1), ("tool", "no answer", 0)]
