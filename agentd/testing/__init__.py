"""Tests of functions in ten lines: what the pytest plugin's fixtures give.

    def test_the_cat_is_fed(functions):
        assert functions.call("feed_cat", portions=2).content == "The cat gets 2 of dry food."

    def test_the_cat_is_fed_by_word_of_mouth(conversation):
        assert conversation.say("Feed the cat two portions.").calls == [("feed_cat", {"portions": 2})]

The fixtures and their options are told in docs/functions.md. The names here are for annotations; nothing is imported
until one is used, so that the plugin costs nobody anything who does not use it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentd.testing.conversation import CallSeen, Conversation, TurnSeen
    from agentd.testing.handlers import Called, FunctionTester

__all__ = ["CallSeen", "Called", "Conversation", "FunctionTester", "TurnSeen"]


def __getattr__(name: str) -> object:
    if name in {"Called", "FunctionTester"}:
        from agentd.testing import handlers as module  # noqa: PLC0415 - see above

        return getattr(module, name)
    if name in {"CallSeen", "Conversation", "TurnSeen"}:
        from agentd.testing import conversation  # noqa: PLC0415 - see above

        return getattr(conversation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
