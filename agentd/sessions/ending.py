"""An end that waits until it is quiet: what is being said is said, and what is to be said is said first.

It stands once it is asked for. Who speaks over a farewell is heard and answered, and then the session ends all the same: most
people say goodbye too, and a session that goes on for that goes on for good.
"""

from typing import Final

from agentd.config import LimitSettings
from agentd.sessions.commands import Commands
from agentd.sessions.conversation import Conversation
from agentd.sessions.state import EndReason
from agentd.sessions.turns import TurnTracker

SAID_S: Final = 3.0
"""An agent that ends the session and has spoken since the user did may say more for so long."""
FAREWELL_S: Final = 10.0
"""One that has said nothing yet has so long to begin: some models end a session without a word."""


class QuietEnd:
    """Says when a session ends that was asked to end quietly.

    Attributes:
        reason: why it is to end; None while nobody has asked.
    """

    def __init__(self, conversation: Conversation, commands: Commands, limits: LimitSettings) -> None:
        self._conversation = conversation
        self._commands = commands
        self._limits = limits
        self.reason: EndReason | None = None
        self._latest = 0.0
        self._seen: tuple[int, ...] = ()
        self._stirred_at = 0.0

    def ask(self, reason: EndReason, now: float) -> bool:
        """End as soon as it is quiet, at most ``limits.turn_s`` from now. The first one counts; False for any other."""
        if self.reason is not None:
            return False
        self.reason, self._latest, self._stirred_at = reason, now + self._limits.turn_s, now
        return True

    def due(self, now: float) -> EndReason | None:
        """The reason to end for, now; asked at every tick."""
        if self.reason is None:
            return None
        conversation, tracker = self._conversation, self._conversation.tracker
        turn = tracker.current
        calling = turn is not None and any(call.open for call in turn.calls)
        busy = conversation.user_speaking or conversation.playback.playing(now) or self._commands.saying
        seen = (conversation.audio_out_bytes, tracker.agent_texts, tracker.user_turns)
        if busy or calling or seen != self._seen:
            self._seen, self._stirred_at = seen, now
        patience_s = SAID_S if _has_spoken(tracker) else FAREWELL_S
        silent = self.reason is EndReason.AGENT_ENDED and now - self._stirred_at >= patience_s
        return self.reason if (tracker.idle and not busy) or silent or now >= self._latest else None


def _has_spoken(tracker: TurnTracker) -> bool:
    """Whether the agent has said anything since the user did."""
    last = next((turn for turn in reversed(tracker.turns) if turn.said or turn.heard), None)
    return last is not None and bool(last.said)
