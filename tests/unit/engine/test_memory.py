"""What a conversation remembers, and where that ends."""

from agentd.engine.memory import MAX_CHARS, MAX_ENTRIES, Memory
from agentd.engine.providers import CallMade, UserText
from agentd.protocol.messages import FunctionCall


def test_the_oldest_entries_go_when_there_are_too_many() -> None:
    memory = Memory(None)
    for number in range(MAX_ENTRIES + 3):
        memory.user_said(str(number))
    assert memory.messages()[0] == UserText("3")
    assert len(memory.messages()) == MAX_ENTRIES


def test_the_oldest_entries_go_when_they_are_too_long_results_of_calls_included() -> None:
    memory = Memory(None)
    memory.user_said("first")
    for number in range(5):
        memory.called(FunctionCall(id=str(number), name="f", arguments="{}"), "r" * (MAX_CHARS // 4))
    kept = memory.messages()
    assert [entry.id for entry in kept if isinstance(entry, CallMade)] == ["1", "2", "3", "4"]
    assert len(kept) == 4
