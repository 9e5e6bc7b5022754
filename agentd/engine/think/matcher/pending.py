"""What the matcher remembers of a conversation between its requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SESSION_KEY: Final = "matcher"
"""Where it stands in ``ThinkRequest.session``."""


@dataclass(slots=True)
class Pending:
    """A call that waits for the user to say one of its arguments."""

    function: str
    arguments: dict[str, Any]
    parameter: str
    tries: int = 1


@dataclass(slots=True)
class Conversation:
    """What the matcher remembers of a conversation.

    Attributes:
        pending: the call the last question was about.
        waiting: further calls of the same sentence that lack something.
        remark: what has to be added to the results of the calls just made: the part that was not understood.
        misses: sentences in a row that nothing could be made of.
    """

    pending: Pending | None = None
    waiting: list[Pending] = field(default_factory=list)
    remark: str = ""
    misses: int = 0


def pending_call(session: Mapping[str, Any]) -> Pending | None:
    """The call that waits for an answer, if one does."""
    conversation = session.get(SESSION_KEY)
    return conversation.pending if isinstance(conversation, Conversation) else None
