"""How long each stage of a turn took, as one unbroken line of laps: the parts always add up to the total."""

from typing import Final

from agentd.protocol.messages import LatencyReport

ENDPOINTING: Final = "endpointing_latency"
"""Last voiced sample to the decision that the turn is over. Not among Deepgram's fields; goes out as an extra one."""
LISTEN: Final = "stt_latency"
"""From there until the words are known; nearly nothing when they were recognised during the silence."""
THINK: Final = "ttt_text_latency"
"""Thinking until the first words of the reply, the rounds that led to calls included."""
FUNCTIONS: Final = "function_latency"
"""Waiting for the client's answers to calls; an extra field too."""
SPEAK: Final = "tts_latency"
"""First words of the reply to its first audio."""


class TurnClock:
    """The stopwatch of one turn; stops at the first audio of the reply.

    It counts from ``start`` on; what was thought before, while it was not yet clear that the user was done, cost nobody time.

    Args:
        begin: when the user was done, by the loop's clock, if that is known already: the arrival of their text.
    """

    def __init__(self, begin: float | None = None) -> None:
        self._begin = self._last = begin or 0.0
        self._parts: dict[str, float] = {}
        self._tool: float | None = None
        self.running = begin is not None

    def start(self, begin: float) -> None:
        """The user's turn is over since ``begin``, their last voiced sample."""
        self._begin = self._last = begin
        self.running = True

    def lap(self, part: str, now: float) -> None:
        """Count the time since the last lap to ``part``."""
        if self.running:
            self._parts[part] = self._parts.get(part, 0.0) + max(0.0, now - self._last)
            self._last = max(now, self._last)

    def thought_of_call(self, now: float) -> None:
        """A round of thinking ended in calls."""
        self.lap(THINK, now)
        if self.running:
            self._tool = self._parts[THINK]

    def stop(self, now: float) -> None:
        """The first audio is on its way."""
        self.lap(SPEAK, now)
        self.running = False

    @property
    def total_s(self) -> float:
        """From the end of the user's turn to the last lap."""
        return self._last - self._begin

    def part_s(self, part: str) -> float:
        """One stage; 0.0 when it did not happen."""
        return self._parts.get(part, 0.0)

    def report(self) -> LatencyReport:
        """The laps as a message; stages that did not happen are left out."""
        values = {name: round(seconds, 4) for name, seconds in self._parts.items()}
        if self._tool is not None:
            values["ttt_tool_latency"] = round(self._tool, 4)
        return LatencyReport.model_validate(values | {"total_latency": round(self.total_s, 4)})
