"""When turns begin and end, and which message belongs to which.

Pure: the session passes every message with ``now`` (monotonic seconds) and asks what came of it. A turn ends at
the AgentAudioDone at which no function call is open and the model has spoken since the last answer; else when the
user speaks again, at an Error, or after ``limits.turn_s`` (docs/architecture.md, rules of the conversation).
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from agentd.sessions.injected import OwnText, Question
from agentd.sessions.records import CallRecord, Said, Turn, TurnCause, TurnOutcome

_OWN_TEXTS: Final = 32
"""Injected texts whose ConversationText is awaited; the oldest is forgotten beyond that."""

LONGEST_TURN: Final = 4
"""A single reply is kept up to this multiple of what is kept of a session, so that a long story is not cut."""


REPORT_S: Final = 0.25
"""How long an ended turn waits for its LatencyReport, from upstreams that send one: it may come behind the last audio."""


class TurnTracker:
    """Keeps the turns of one run.

    Args:
        finished: called once for each turn, when it has ended and its latencies are known.
        wall: Unix seconds, for ``started_at`` of the records.
        kept: turns kept in memory; older ones are forgotten.
        audio_limit_bytes: agent audio kept; that of the oldest turns gives way. One long turn is kept up to four times that.
    """

    def __init__(
        self,
        *,
        finished: Callable[[Turn], None],
        wall: Callable[[], float],
        kept: int = 200,
        audio_limit_bytes: int = 1_440_000,
    ) -> None:
        self.turns: deque[Turn] = deque(maxlen=kept)
        self.current: Turn | None = None
        self.count = 0
        self.user_turns = 0
        self.agent_texts = 0
        self._finished = finished
        self._wall = wall
        self.audio_limit_bytes = audio_limit_bytes
        self._own_texts: deque[OwnText] = deque(maxlen=_OWN_TEXTS)
        self._questions: list[Question] = []
        self._abandoned: Turn | None = None
        self._abandoned_owes = False
        self._abandoned_at = 0.0
        self._expected_echo: deque[str] = deque(maxlen=_OWN_TEXTS)
        self._model_must_speak = False
        self._still_speaking: Turn | None = None
        self._kept_bytes = 0
        self._unsettled: Turn | None = None
        self._reports = True
        self._mid_utterance = False
        self._utterance_at = 0.0
        self._greeting = ""

    @property
    def greeting_due(self) -> bool:
        """The agent has not begun to greet yet, and will."""
        return bool(self._greeting)

    @property
    def abandoned(self) -> bool:
        """We cut the reply that the upstream is still making; it knows nothing of that, and nobody is to hear the rest."""
        return self._abandoned is not None

    @property
    def idle(self) -> bool:
        """No turn runs, and nothing is awaited of the last."""
        return self.current is None and self._unsettled is None

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
        return self._cut(now, played_bytes_left)

    def cut(self, now: float, played_bytes_left: int) -> Turn | None:
        """We stop the agent ourselves: what it still says in this turn is for nobody. Returns the turn that was cut."""
        going_on = self._still_speaking or self.current
        if going_on is not None:
            self._abandoned, self._abandoned_at = going_on, now
            self._abandoned_owes = going_on is self.current and self._model_must_speak
        if self._still_speaking is not None:  # the text that was typed meanwhile is answered all the same
            self._end_greeting("interrupted", now)
            return going_on
        return self._cut(now, played_bytes_left)

    def nothing_said(self, now: float) -> None:
        """The utterance that had begun was a noise."""
        self._mid_utterance = False
        draft = self.current
        if draft is None or not self._is_draft(draft):
            return
        if any(call.outcome not in (None, "cancelled") for call in draft.calls):
            self._end("interrupted", now)
        else:
            self.withdraw(draft)

    def withdraw(self, turn: Turn) -> None:
        """The newest turn came to nothing: there is none."""
        if turn is not self.current or turn.n != self.count:
            return
        self.turns.pop()
        self._kept_bytes -= len(turn.audio)
        self.count -= 1
        self.user_turns -= turn.heard is not None
        self.current = None
        self._model_must_speak = False

    def _is_draft(self, turn: Turn | None) -> bool:
        """A turn that is answered ahead of its words (Deepgram docs, "Speculative replies")."""
        return turn is not None and turn.cause == "speech" and turn.heard is None and not turn.said and not turn.audio_bytes

    def _cut(self, now: float, played_bytes_left: int) -> Turn | None:
        self._settle()
        self._end_greeting("interrupted", now)
        self._forget_begun()
        turn = self.current or (self.turns[-1] if self.turns else None)
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
        if not injected and text in self._expected_echo:
            self._expected_echo.remove(text)
            self._abandoned = None
            return None
        if injected:
            self._expected_echo.append(text)
        else:
            self._mid_utterance, self._abandoned = False, None
        turn = self._turn_of(text, now, injected=injected)
        for question in self._questions:
            question.offer(turn, text, typed=injected, began_at=now if injected else self._utterance_at)
        return turn

    def _turn_of(self, text: str, now: float, *, injected: bool) -> Turn:
        current = self.current
        if (
            current is not None
            and current.cause != "agent"
            and not current.said
            and not current.audio_bytes
            and (not current.calls or current.heard is None)
        ):
            current.heard = f"{current.heard} {text}" if current.heard else text
            return current
        if current is not None:
            self._end("interrupted" if current.cause != "agent" else "completed", now)
        turn = self._open("text" if injected else "speech", now)
        turn.heard = text
        if injected:  # nobody spoke, so the upstream may go on with what it is saying before it answers
            self._still_speaking = current
        self.user_turns += 1
        return turn

    def forget_echo(self, text: str) -> None:
        """The upstream did not take the injected ``text``."""
        if text in self._expected_echo:
            self._expected_echo.remove(text)

    def expect_echo(self, text: str) -> None:
        """``text`` is sent once more for the turn that is open: its echo opens no new one."""
        self._expected_echo.append(text)

    def awaits_echo(self, text: str) -> bool:
        """True until the upstream has echoed the injected ``text``."""
        return text in self._expected_echo

    # what the agent does

    def expect_greeting(self, text: str) -> None:
        """The agent will say ``text`` first, even if a text of the user's is sent before it has begun."""
        self._greeting = text

    def expect_own(self, text: str) -> OwnText:
        """We inject ``text`` for the agent to say; its ConversationText is ours, not the model's."""
        own = OwnText(text)
        self._own_texts.append(own)
        return own

    def forget_own(self, own: OwnText) -> None:
        """It is not awaited any more."""
        if own in self._own_texts:
            self._own_texts.remove(own)

    def ask(self, question: Question) -> None:
        """From now on look for its answer."""
        self._questions.append(question)

    def drop_question(self, question: Question) -> None:
        """Nobody waits for its answer."""
        self._questions.remove(question)

    def agent_said(self, text: str, now: float) -> bool:
        """ConversationText of the agent; True when it is one of our own injections."""
        self.agent_texts += 1
        if self._greets(text, now):
            return False
        own = next((pending for pending in self._own_texts if pending.take(text)), None)
        if own is not None:
            self._abandoned = None
            if own.complete:
                self._own_texts.remove(own)
        elif self._abandoned is not None:
            self._abandoned_owes = False
            return False
        if self._still_speaking is not None and not self._still_speaking.said:
            self._still_speaking.said.append(Said(text, 0))
            if own is not None:
                own.begin(self._still_speaking, now)
            return own is not None
        turn = self.current or self._open("agent", now)
        turn.said.append(Said(text, turn.audio_bytes))
        if own is not None:
            own.begin(turn, now)
        if own is None or turn.cause == "agent":
            self._model_must_speak = False
            turn.first_text_at = turn.first_text_at or now
            self._end_greeting("completed", now)
        return own is not None

    def _forget_begun(self) -> None:
        """What was being said is over, said to its end or not."""
        for own in [own for own in self._own_texts if own.begun_at is not None]:
            self._own_texts.remove(own)

    def _greets(self, text: str, now: float) -> bool:
        """Keep a piece of the greeting that is said while a typed text already waits for its answer; True when it was one."""
        before, found, after = self._greeting.partition(text)
        if not found or before.strip() or self.current is None or self.current.cause == "agent":
            return False
        self._greeting = after
        if self._still_speaking is None:
            asked = self.current
            self._still_speaking = self._open("agent", now)
            self.current, self._model_must_speak = asked, True
        self._still_speaking.said.append(Said(text, self._still_speaking.audio_bytes))
        return True

    def agent_audio(self, frame: bytes | memoryview, now: float, *, delivered: bool = False) -> None:
        """A binary frame that may be heard; ``delivered`` when somebody listens."""
        turn = self._still_speaking or self.current or self._open("agent", now)
        turn.first_audio_at = turn.first_audio_at or now
        turn.delivered = turn.delivered or delivered
        turn.audio_bytes += len(frame)
        self._keep(turn, frame)
        if turn is self.current and not turn.said and not self._own_texts and not turn.calls:
            self._model_must_speak = False  # an upstream that sends no text for what it says

    def agent_done(self, now: float) -> Turn | None:
        """AgentAudioDone. Returns the turn when this ends it."""
        self._greeting = ""
        if self._abandoned is not None:
            if not self._abandoned_owes and not _calling(self._abandoned):
                self._abandoned = None
            return None
        self._forget_begun()
        if self._still_speaking is not None:
            self._end_greeting("completed", now)
            return None
        turn = self.current
        if turn is None or self._model_must_speak or _calling(turn):
            return None
        return self._end("completed", now)

    # function calls

    def call_started(self, call_id: str, name: str, arguments: Any, now: float, *, client_side: bool) -> CallRecord:
        """FunctionCallRequest. One in mid-utterance belongs to the turn whose words are still to be confirmed.

        Source: Deepgram docs, "Speculative replies": function calls do not wait for the confirmation of the turn.
        """
        turn = self.current or self._abandoned or self._open("speech" if self._mid_utterance else "agent", now)
        record = CallRecord(call_id, name, arguments, now, client_side)
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

    def open_call(self, call_id: str) -> CallRecord | None:
        """The open call of that id in the current turn."""
        turn = self.current or self._abandoned
        calls = turn.calls if turn is not None else []
        return next((call for call in calls if call.call_id == call_id and call.outcome is None), None)

    # what ends a turn otherwise

    def failed(self, now: float) -> None:
        """The upstream reported an Error or the run ends."""
        self._settle()
        self._abandoned = None
        self._end_greeting("error", now)
        if self.current is not None:
            self._end("error", now)

    def expire(self, now: float, limit_s: float) -> None:
        """End the current turn as ``timeout`` when it is older than ``limit_s`` seconds; give up a report that is late."""
        if self._unsettled is not None and now - (self._unsettled.ended_at or now) >= REPORT_S:
            self._reports = False
            self._settle()
        if now - self._abandoned_at >= limit_s:
            self._abandoned = None
        if self.current is not None and now - self.current.started_at >= limit_s:
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

    def forget_audio(self) -> None:
        """Keep no audio of the turns so far."""
        self._kept_bytes = 0
        for turn in self.turns:
            turn.audio.clear()

    def _end_greeting(self, outcome: TurnOutcome, now: float) -> None:
        """What was still being said beside the turn that is open is over."""
        turn, self._still_speaking = self._still_speaking, None
        if turn is not None and turn.outcome is None:
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
        self.count += 1
        if len(self.turns) == self.turns.maxlen:
            self._kept_bytes -= len(self.turns[0].audio)
        turn = Turn(n=self.count, cause=cause, started=self._wall(), started_at=now)
        self.turns.append(turn)
        self.current = turn
        self._model_must_speak = cause != "agent"
        return turn

    def _keep(self, turn: Turn, frame: bytes | memoryview) -> None:
        if self._kept_bytes + len(frame) > self.audio_limit_bytes:
            for old in self.turns:
                if old is not turn:
                    self._kept_bytes -= len(old.audio)
                    old.audio.clear()
                if self._kept_bytes + len(frame) <= self.audio_limit_bytes:
                    break
        if len(turn.audio) + len(frame) > LONGEST_TURN * self.audio_limit_bytes:
            return
        turn.audio += frame
        self._kept_bytes += len(frame)

    def _end(self, outcome: TurnOutcome, now: float) -> Turn:
        turn = self.current
        if turn is None:
            raise AssertionError("only an open turn can end")
        turn.outcome, turn.ended_at = "interrupted" if turn.hushed and outcome == "completed" else outcome, now
        self.current = None
        self._end_greeting("completed", now)
        self._model_must_speak = False
        self._unsettled = turn
        report_due = self._reports and turn.cause != "agent" and outcome == "completed"
        if not report_due or "total_latency" in turn.reported:
            self._settle()
        return turn


def _calling(turn: Turn) -> bool:
    return any(call.outcome is None for call in turn.calls)
