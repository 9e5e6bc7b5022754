"""What is kept of a turn: what was heard, called, said and played, and how long each stage took."""

from dataclasses import dataclass, field
from typing import Any, Literal

from agentd.clock import rfc3339

TurnOutcome = Literal["completed", "interrupted", "error", "timeout"]
TurnCause = Literal["speech", "text", "agent"]


@dataclass(slots=True)
class CallRecord:
    """One function call as the session saw it.

    Attributes:
        outcome: None until it has come to its end.
        awaited: False once nobody waits for it any more: the user spoke over it, or its connection is gone.
        withdrawn: it was taken back before it began: nothing was done.
        turn: number of its turn.
        agent: who called.
        kind: what runs it: as ``FunctionSpec.kind``, or "client"; None: not known here.
        tier: how much it can do, where the daemon runs it.
    """

    call_id: str
    name: str
    arguments: Any
    started_at: float
    client_side: bool = True
    outcome: str | None = None
    result: str | None = None
    duration_s: float | None = None
    awaited: bool = True
    withdrawn: bool = False
    turn: int | None = None
    agent: str | None = None
    kind: str | None = None
    tier: str | None = None

    @property
    def open(self) -> bool:
        """Somebody waits for its outcome."""
        return self.outcome is None and self.awaited

    def facts(self) -> dict[str, Any]:
        """What its events tell besides: turn, agent, kind and tier."""
        return {"turn": self.turn, "agent": self.agent, "kind": self.kind, "tier": self.tier}

    def view(self, *, words: bool) -> dict[str, Any]:
        """The call as JSON; without ``words`` arguments and result are left out."""
        seen: dict[str, Any] = {"call_id": self.call_id, "name": self.name}
        if words:
            seen["arguments"] = self.arguments
        seen["outcome"] = self.outcome
        if words:
            seen["result"] = self.result
        return seen | {"duration_s": _rounded(self.duration_s)}


@dataclass(slots=True)
class Said:
    """A piece of agent text with the place in the turn's audio (bytes) at which it begins."""

    text: str
    at_byte: int


@dataclass(slots=True)
class Latency:
    """Stages of a turn in seconds; the parts add up to ``total_s``. ``basis`` tells whose clock it is.

    ``upstream``: the upstream measured from the last voiced sample. ``text``: our clock, from the text's arrival.
    ``unknown``: the end of the user's speech is not known, so neither is the total.
    """

    endpointing_s: float | None = None
    listen_s: float | None = None
    think_s: float | None = None
    function_s: float | None = None
    speak_s: float | None = None
    rest_s: float | None = None
    total_s: float | None = None
    basis: str = "unknown"

    def view(self) -> dict[str, Any]:
        """As JSON."""
        parts = ("endpointing_s", "listen_s", "think_s", "function_s", "speak_s", "rest_s", "total_s")
        return {name: _rounded(getattr(self, name)) for name in parts} | {"basis": self.basis}


@dataclass(slots=True)
class Turn:
    """One exchange; see api.md, Turn. Times ending in ``_at`` are monotonic but ``started`` (Unix seconds)."""

    n: int
    cause: TurnCause
    started: float
    started_at: float
    heard: str | None = None
    said: list[Said] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    outcome: TurnOutcome | None = None
    interrupted: bool = False
    played_bytes: int | None = None
    audio_bytes: int = 0
    audio: bytearray = field(default_factory=bytearray)
    first_text_at: float | None = None
    first_audio_at: float | None = None
    ended_at: float | None = None
    reported: dict[str, float] = field(default_factory=dict)
    delivered: bool = False
    """Somebody heard it, or some of it."""
    settled: bool = False
    """Ended, and its latencies are known as far as they will be."""
    hushed: bool = False
    """What the agent says in it is not to be heard."""
    command_id: str | None = None
    """The command that put the user's text into the conversation."""

    def hush(self) -> None:
        """Nobody is to hear what the agent says from now on in this turn."""
        self.hushed = self.interrupted = True
        self.played_bytes = self.audio_bytes

    @property
    def said_text(self) -> str | None:
        """Everything the agent said in this turn."""
        return " ".join(piece.text for piece in self.said) or None

    @property
    def spoken(self) -> float:
        """Unix seconds at which the agent's text came; the turn's beginning where that is not known."""
        return self.started + ((self.first_text_at or self.started_at) - self.started_at)

    @property
    def played_text(self) -> str | None:
        """What was delivered: all of it, or, after a barge-in, the words whose audio was played by then."""
        if self.played_bytes is None:
            return self.said_text
        if self.played_bytes == 0:
            return None
        ends = [piece.at_byte for piece in self.said[1:]] + [self.audio_bytes]
        words: list[str] = []
        for piece, end in zip(self.said, ends, strict=True):
            length = end - piece.at_byte
            share = 1.0 if length <= 0 else (self.played_bytes - piece.at_byte) / length
            spoken = piece.text.split()
            words += spoken[: int(max(0.0, min(1.0, share)) * len(spoken) + 0.5)] if self.played_bytes < end else spoken
        return " ".join(words) or None

    def latency(self) -> Latency:
        """Stages of this turn, from the upstream's report where there is one, else from our own clock."""
        functions = _union_s(self.calls) if self.calls else None
        if "total_latency" in self.reported:
            report = self.reported
            return _balanced(
                Latency(
                    endpointing_s=report.get("endpointing_latency"),
                    listen_s=report.get("stt_latency"),
                    think_s=report.get("ttt_text_latency", report.get("ttt_token_latency")),
                    function_s=report.get("function_latency", functions),
                    speak_s=report.get("tts_latency"),
                    total_s=report["total_latency"],
                    basis="upstream",
                )
            )
        if self.cause != "text" or self.first_audio_at is None:
            return Latency(function_s=functions)
        total = self.first_audio_at - self.started_at
        text_at = min(self.first_text_at or self.first_audio_at, self.first_audio_at)
        think = max(0.0, text_at - self.started_at - (functions or 0.0))
        speak = self.first_audio_at - text_at
        return _balanced(Latency(think_s=think, function_s=functions, speak_s=speak, total_s=total, basis="text"))

    def view(self, *, words: bool, audio_link: str | None) -> dict[str, Any]:
        """The turn as JSON (api.md, Turn)."""
        seen: dict[str, Any] = {"n": self.n, "started_at": rfc3339(self.started), "cause": self.cause}
        if words:
            seen |= {"heard": self.heard, "said": self.said_text, "played": self.played_text}
        return seen | {
            "delivered": self.delivered,
            "interrupted": self.interrupted,
            "outcome": self.outcome,
            "calls": [call.view(words=words) for call in self.calls],
            "audio": audio_link,
            "latency": self.latency().view(),
        }


def _balanced(latency: Latency) -> Latency:
    """Make the parts add up: what no stage accounts for is ``rest_s``; over-reported stages are cut, last first."""
    left = latency.total_s or 0.0
    for name in ("endpointing_s", "listen_s", "think_s", "function_s", "speak_s"):
        part = getattr(latency, name)
        if part is not None:
            setattr(latency, name, min(part, left))
            left -= min(part, left)
    latency.rest_s = left
    return latency


def _union_s(calls: list[CallRecord]) -> float:
    """Seconds during which at least one of the calls was open."""
    total, until = 0.0, float("-inf")
    for start, end in sorted((call.started_at, call.started_at + (call.duration_s or 0.0)) for call in calls):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
