"""What has come from the client and was not looked at yet."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agentd.engine.line import Hangup
from agentd.engine.scripted.matching import shown
from agentd.protocol.masking import masked
from agentd.protocol.messages import Message

FAILED: Final = "SCRIPT_EXPECTATION_FAILED"
"""Code of the Error a client gets that did not do what the script expects."""

MAX_WAITING: Final = 1000
"""Messages that may have come before they are looked at."""

_SHOWN: Final = 400


@dataclass(frozen=True, slots=True)
class Came:
    """Something that came from the client: a message, or an utterance."""

    kind: str
    message: Message | None = None

    def __str__(self) -> str:
        return self.kind if self.message is None else f"{self.kind} {shown(masked(self.message.wire()), _SHOWN)}"


@dataclass(slots=True)
class Inbox:
    """Keeps it in order.

    Attributes:
        waiting: messages and utterances.
        audio_s: seconds of audio since an expectation last took some.
    """

    waiting: deque[Came] = field(default_factory=deque)
    audio_s: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, came: Came) -> None:
        """Take something.

        Raises:
            Hangup: too much waits.
        """
        if len(self.waiting) >= MAX_WAITING:
            raise Hangup.failed(FAILED, f"More than {MAX_WAITING} messages came that the script does not look at.")
        self.waiting.append(came)
        self._changed.set()

    def put_audio(self, seconds: float) -> None:
        """Count audio."""
        self.audio_s += seconds
        self._changed.set()

    async def until(self, ready: Callable[[], bool], deadline: float | None) -> bool:
        """Wait until ``ready``; False when it is not by ``deadline`` (loop time; None: none)."""
        try:
            async with asyncio.timeout_at(deadline):
                while not ready():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return ready()
        return True
