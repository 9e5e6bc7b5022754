"""When turns begin and end, and which message belongs to which.

Pure: the session passes every message with ``now`` (monotonic seconds) and asks what came of it. A turn ends at
the AgentAudioDone at which no function call is open and the model has spoken since the last answer; else when the
user speaks again, at an Error, or after ``limits.turn_s`` (docs/architecture.md, rules of the conversation).
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from agentd.sessions.expected import OWN_TEXTS, Expected
from agentd.sessions.kept import KeptTurns
from agentd.sessions.records import CallRecord, Said, Turn, TurnCause, TurnOutcome

REPORT_S: Final = 0.25
"""How long an ended turn waits for its LatencyReport, from upstreams that send one: it may come behind the last audio."""


class TurnTracker:
    """Keeps the turns of one run.

    Args:
        finished: called once for each turn, when it has ended and its latencies are known.
        wall, kept, audio_limit_bytes: see ``KeptTurns``.
    """

    def __init__(
        self,
        *,
        finished: Callable[[Turn], None],
        wall: Callable[[], float],
        kept: int = 200,
        audio_limit_bytes: int = 1_440_000,
    ) -> None:
        self.kept = KeptTurns(wall=wall, limit=kept, audio_limit_bytes=audio_limit_bytes)
        self.current: Turn | None = None
        self.user_turns = 0
        self.agent_texts = 0
        self._finished = finished
        self._expected = expected = Expected()
        # what is awaited, as callers know it
        self.expect_own, self.forget_own = expected.expect_own, expected.forget_own
        self.ask, self.drop_question = expected.ask, expected.drop_question
        self.expect_echo, self.forget_echo, self.awaits_echo = expected.expect_echo, expected.forget_echo, expected.awaits_echo
        self.expect_greeting = expected.expect_greeting
        self._abandoned: Turn | None = None
        self._abandoned_owes = False
        self._abandoned_at = 0.0
        self._waiting: deque[Turn] = deque()
        self._beside: Turn | None = None
        self._since = 0.0
        self._model_must_speak = False
        self._unsettled: Turn | None = None
        self._reports = True
        self._mid_utterance = False
        self._utterance_at = 0.0

    @property
    def turns(self) -> deque[Turn]:
        """The turns kept, oldest first."""
        return self.kept.all

    @property
    def count(self) -> int:
        """Turns so far."""
        return self.kept.count

    @property
    def greeting_due(self) -> bool:
        """The agent has not begun to greet yet, and will."""
        return self._expected.greeting_due

    @property
    def unheard(self) -> bool:
        """What the upstream is saying, or about to, is for nobody: we cut that reply, or hushed it. It knows nothing of that."""
        return self._abandoned is not None or (self.current is not None and self.current.hushed)

    @property
    def idle(self) -> bool:
        """No turn runs or waits, and nothing is awaited of the last."""
        return self.current is None and self._beside is None and self._unsettled is None and not self._waiting

    # what the user does

    def user_started(self, now: float, played_bytes_left: int) -> Turn | None:
        """UserStartedSpeaking. Returns the turn that was cut, if one was.

        Args:
            now: monotonic seconds.
            played_bytes_left: bytes of agent audio a listener has received and not yet played; 0 when nobody listens.
        """
        self._mid_utterance, self._utterance_at = True, now
        self._abandoned = None
        if self._is_draft(self.current):  # the user goes on: the answer to half a sentence never was
            return None
        waiting, self._waiting = self._waiting, deque()
        cut = self._cut(now, played_bytes_left)
        self._overtaken(waiting, now)
        return cut

    def cut(self, now: float, played_bytes_left: int) -> Turn | None:
        """We stop the agent ourselves: what it still says in this turn is for nobody. Returns the turn that was cut."""
        if self._beside is not None:  # the text that was typed meanwhile is answered all the same
            self._abandoned, self._abandoned_at, self._abandoned_owes = self._beside, now, False
            return self._cut_beside(now, played_bytes_left)
        if self.current is not None:
            self._abandoned, self._abandoned_at = self.current, now
            self._abandoned_owes = self._model_must_speak
        return self._cut(now, played_bytes_left)

    def nothing_said(self, now: float) -> None:
        """The utterance that had begun was a noise."""
        self._mid_utterance = False
        draft = self.current
        if draft is None or not self._is_draft(draft):
            return
        if any(call.outcome != "cancelled" and not call.open for call in draft.calls):
            self._end("interrupted", now)
        else:
            self.withdraw(draft)

    def withdraw(self, turn: Turn) -> None:
        """The turn came to nothing: there is none, unless others came behind it."""
        if turn.outcome is not None:
            return
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn is self.current:
            self.current, self._model_must_speak = None, False
        if self.kept.take_back(turn):
            self.user_turns -= turn.heard is not None
        else:
            self._close(turn, "error", turn.started_at)
        self._promote(turn.started_at)

    def _is_draft(self, turn: Turn | None) -> bool:
        """A turn that is answered ahead of its words (Deepgram docs, "Speculative replies")."""
        return turn is not None and turn.cause == "speech" and turn.heard is None and not turn.said and not turn.audio_bytes

    def _cut_beside(self, now: float, played_bytes_left: int) -> Turn | None:
        turn = self._beside
        if turn is not None:
            self._expected.forget_begun()
            turn.interrupted = True
            turn.played_bytes = max(0, turn.audio_bytes - played_bytes_left)
            self._end_beside("interrupted", now)
        return turn

    def _cut(self, now: float, played_bytes_left: int) -> Turn | None:
        self._settle()
        if self._cut_beside(now, played_bytes_left) is not None:
            played_bytes_left = 0
        self._expected.forget_begun()
        turn = self.current or next((turn for turn in reversed(self.turns) if turn.outcome is not None), None)
        if turn is None or (self.current is None and played_bytes_left <= 0):
            return None
        turn.interrupted = True
        if turn.audio_bytes:
            turn.played_bytes = max(0, turn.audio_bytes - played_bytes_left)
        if self.current is not None:
            self._end("interrupted", now)
        else:
            turn.outcome = "interrupted"
        return turn

    def user_said(self, text: str, now: float, *, injected: bool = False) -> Turn | None:
        """A confirmed utterance (ConversationText of the user) or an injected text. None for the echo of an injection."""
        if injected:
            turn = self._typed(text, now)
        else:
            echo = self._expected.take_echo(text)
            if echo is not None:
                self._taken_up(echo[1], now)
                return None
            self._mid_utterance, self._abandoned = False, None
            turn = self._uttered(text, now)
        self._expected.offer(turn, text, typed=injected, began_at=now if injected else self._utterance_at)
        return turn

    def _uttered(self, text: str, now: float) -> Turn:
        current = self.current
        if (
            current is not None
            and current.cause != "agent"
            and not current.said
            and not current.audio_bytes
            and (not current.calls or current.heard is None)
        ):
            self.user_turns += current.heard is None
            current.heard = f"{current.heard} {text}" if current.heard else text
            return current
        waiting, self._waiting = self._waiting, deque()
        self._end_beside("completed", now)
        if current is not None:
            self._end("interrupted" if current.cause != "agent" else "completed", now)
        self._overtaken(waiting, now)
        turn = self._open("speech", now)
        turn.heard = text
        self.user_turns += 1
        return turn

    def _overtaken(self, waiting: Iterable[Turn], now: float) -> None:
        """Upstreams forget what was typed before the user spoke."""
        for turn in waiting:
            self._close(turn, "interrupted", now)

    def _typed(self, text: str, now: float) -> Turn:
        """A typed text is answered after what the agent is saying, its greeting included: nobody spoke, so nothing was cut."""
        idle = self.current is None and not self._waiting and not self.greeting_due
        turn = self._open("text", now) if idle else self.kept.new("text", now)
        turn.heard = text
        self.user_turns += 1
        self._expected.typed(text, turn)
        if not idle:
            self._waiting.append(turn)
            if len(self._waiting) > OWN_TEXTS:
                self._close(self._waiting.popleft(), "error", now)
        return turn

    def _taken_up(self, turn: Turn | None, now: float) -> None:
        """The upstream begins to answer the text of this turn; what it was saying it may say to its end."""
        if turn is None or turn not in self._waiting:
            return
        while self._waiting[0] is not turn:
            self._close(self._waiting.popleft(), "interrupted", now)
        before = self.current
        if before is not None and (before.said or before.audio_bytes) and not self._model_must_speak and not _calling(before):
            self._end_beside("completed", now)
            self._beside, self.current = before, None
        elif before is not None:
            self._end("interrupted", now)
        self._promote(now)

    def _promote(self, now: float) -> None:
        """The next text that was typed is answered now."""
        if self.current is None and self._waiting:
            self.current, self._since, self._model_must_speak = self._waiting.popleft(), now, True

    # what the agent does

    def agent_said(self, text: str, now: float) -> bool:
        """ConversationText of the agent; True when it is one of our own injections."""
        self.agent_texts += 1
        own = self._expected.take_own(text)
        if own is not None:
            self._abandoned = None
            if own.complete:
                self.forget_own(own)
        elif self._abandoned is not None:
            self._abandoned_owes = False
            if self.current is None or not self._model_must_speak or self.awaits_echo(self.current):
                return False
            self._abandoned = None  # the upstream has taken up what was typed since
        greets = own is None and self._expected.greets(text)
        if greets and self._greet_beside(text, now):
            return False
        self._end_beside("completed", now)
        if own is not None and self.current is not None and self.current.hushed:  # this is to be heard
            self._end("interrupted", now)
        if own is None and not greets:
            self._promote(now)
        turn = self.current or self._open("agent", now)
        turn.said.append(Said(text, turn.audio_bytes))
        if own is not None:
            own.begin(turn, now)
        if own is None or turn.cause == "agent":
            self._model_must_speak = False
            turn.first_text_at = turn.first_text_at or now
        return own is not None

    def _greet_beside(self, text: str, now: float) -> bool:
        """Greet in a turn beside the typed text that the upstream has already taken up; False when there is none."""
        turn = self._beside
        if turn is None or turn.cause != "agent":
            if self.current is None or self.current.cause == "agent":
                return False
            self._end_beside("completed", now)
            turn = self._beside = self.kept.new("agent", now)
        turn.said.append(Said(text, turn.audio_bytes))
        turn.first_text_at = turn.first_text_at or now
        return True

    def agent_audio(self, frame: bytes | memoryview, now: float, *, delivered: bool = False) -> None:
        """A binary frame that may be heard; ``delivered`` when somebody listens."""
        turn = self._beside or self.current or self._open("agent", now)
        turn.first_audio_at = turn.first_audio_at or now
        turn.delivered = turn.delivered or delivered
        turn.audio_bytes += len(frame)
        self.kept.keep_audio(turn, frame)
        if turn is self.current and not turn.said and not self._expected.own and not turn.calls:
            self._model_must_speak = False  # an upstream that sends no text for what it says

    def agent_done(self, now: float) -> Turn | None:
        """AgentAudioDone. Returns the turn when this ends it, and no other follows at once."""
        self._expected.greeted()
        if self._abandoned is not None:
            if not self._abandoned_owes and not _calling(self._abandoned):
                self._abandoned = None
            return None
        self._expected.forget_begun()
        turn = self.current
        if self._beside is not None:
            self._end_beside("completed", now)
        elif turn is None:
            self._promote(now)
        elif not self._model_must_speak and not _calling(turn):
            self._end("completed", now)
            return turn if self.current is None else None
        return None

    # function calls

    def call_started(self, call_id: str, name: str, arguments: Any, now: float, *, client_side: bool) -> CallRecord:
        """FunctionCallRequest. One in mid-utterance belongs to the turn whose words are still to be confirmed.

        Source: Deepgram docs, "Speculative replies": function calls do not wait for the confirmation of the turn.
        """
        if self._abandoned is None:
            self._promote(now)
        turn = self.current or self._abandoned or self._open("speech" if self._mid_utterance else "agent", now)
        record = CallRecord(call_id, name, arguments, now, client_side, turn=turn.n)
        turn.calls.append(record)
        if turn is self._abandoned:
            self._abandoned_owes = True
        else:
            self._model_must_speak = True
        return record

    def call_finished(self, record: CallRecord, outcome: str, result: str | None, now: float) -> None:
        """The call was answered, cancelled or given up; the first outcome stays."""
        if record.outcome is None:
            record.outcome, record.result, record.duration_s = outcome, result, max(0.0, now - record.started_at)

    def find_call(self, call_id: str) -> CallRecord | None:
        """The newest call of that id, open or not."""
        return next((call for turn in reversed(self.turns) for call in reversed(turn.calls) if call.call_id == call_id), None)

    # what ends a turn otherwise

    def failed(self, now: float, *, heard_out: bool = False) -> None:
        """The upstream reported an Error or the run ends; ``heard_out``: what was being said was said to its end."""
        self._settle()
        self._abandoned = None
        self._end_beside("error", now)
        waiting = list(self._waiting)
        self._waiting.clear()
        if self.current is not None:
            self._end("completed" if heard_out and self.current.first_audio_at is not None else "error", now)
            self._settle()
        for turn in waiting:
            self._close(turn, "error", now)

    def expire(self, now: float, limit_s: float) -> None:
        """End the current turn as ``timeout`` when it is older than ``limit_s`` seconds; give up a report that is late."""
        if self._unsettled is not None and now - (self._unsettled.ended_at or now) >= REPORT_S:
            self._reports = False
            self._settle()
        if now - self._abandoned_at >= limit_s:
            self._abandoned = None
        if self._beside is not None and now - self._since >= limit_s:
            self._end_beside("timeout", now)
        if self.current is not None and now - self._since >= limit_s:
            self._end("timeout", now)

    def report(self, latencies: Mapping[str, Any]) -> None:
        """LatencyReport or AgentStartedSpeaking, whole or one key at a time, for the current turn or the last one."""
        values = {key: float(value) for key, value in latencies.items() if isinstance(value, int | float) and 0 <= value < 300}
        turn = self._unsettled or self.current or (self.turns[-1] if self.turns else None)
        if turn is not None and turn.cause != "agent":
            turn.reported |= values
            self._reports = self._reports or turn is not self.current
        if self._unsettled is not None and "total_latency" in self._unsettled.reported:
            self._settle()

    def _end_beside(self, outcome: TurnOutcome, now: float) -> None:
        """What was still being said beside the turn that is open is over."""
        turn, self._beside = self._beside, None
        if turn is not None:
            self._close(turn, outcome, now)

    def _close(self, turn: Turn, outcome: TurnOutcome, now: float) -> None:
        """A turn that is not the current one is over."""
        self.forget_echo(turn)
        turn.outcome, turn.ended_at, turn.settled = outcome, now, True
        self._finished(turn)

    def _settle(self) -> None:
        """The ended turn is complete as it is."""
        turn, self._unsettled = self._unsettled, None
        if turn is not None:
            turn.settled = True
            self._finished(turn)

    def _open(self, cause: TurnCause, now: float) -> Turn:
        self._settle()
        turn = self.kept.new(cause, now)
        self.current, self._since = turn, now
        self._model_must_speak = cause != "agent"
        return turn

    def _end(self, outcome: TurnOutcome, now: float) -> Turn:
        turn = self.current
        if turn is None:
            raise AssertionError("only an open turn can end")
        turn.outcome, turn.ended_at = "interrupted" if turn.hushed and outcome == "completed" else outcome, now
        self.current = None
        self._model_must_speak = False
        self._settle()
        self._unsettled = turn
        report_due = self._reports and turn.cause != "agent" and outcome == "completed"
        if not report_due or "total_latency" in turn.reported:
            self._settle()
        self._promote(now)
        return turn


def _calling(turn: Turn) -> bool:
    return any(call.open for call in turn.calls)
