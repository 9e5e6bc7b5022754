"""The conversation of a session across its connections: the reducer that turns upstream frames into state and events.

Everything here runs on the event loop, in the frame callback, and never waits. It knows nothing of connecting,
stopping or HTTP.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import structlog

from agentd.audio.formats import ENCODINGS, AudioFormat
from agentd.config import LimitSettings
from agentd.functions.service import Functions
from agentd.hub import Hub
from agentd.metrics import Metrics
from agentd.protocol import settings as documents
from agentd.protocol.client import Activity, ClientPhase
from agentd.protocol.messages import (
    INFORMING,
    AgentAudioDone,
    AgentStartedSpeaking,
    ConversationText,
    EndOfTurn,
    Error,
    FunctionCallCancelled,
    FunctionCallRequest,
    FunctionCallResponse,
    InjectionRefused,
    KeepAlive,
    LatencyReport,
    Message,
    UserStartedSpeaking,
    Warn,
)
from agentd.sessions.asked import REFUSALS
from agentd.sessions.calls import Caller
from agentd.sessions.client_view import ClientView
from agentd.sessions.dead_air import DeadAir
from agentd.sessions.dispatch import Dispatch
from agentd.sessions.dropping import Dropped
from agentd.sessions.feed import Feed
from agentd.sessions.journal import Journal
from agentd.sessions.link import Link
from agentd.sessions.listeners import Listeners
from agentd.sessions.playback import Playback
from agentd.sessions.records import Turn
from agentd.sessions.remarks import Remarks
from agentd.sessions.spec import PassthroughClient
from agentd.sessions.turns import TurnTracker
from agentd.sessions.views import turn_audio_link
from agentd.sessions.waiting import Changes
from agentd.upstream.deepgram import Closed

_log = structlog.get_logger("agentd.sessions")

ACKNOWLEDGEMENTS: Final = {
    "PromptUpdated": "prompt",
    "ThinkUpdated": "think",
    "SpeakUpdated": "speak",
    "ListenUpdated": "listen",
}

MAX_RATE: Final = 192_000
"""Hz; the protocol has no higher one."""


class Conversation:
    """State and effects of one conversation (implements ``LinkOwner``).

    Attributes:
        document: the effective Settings: with every update, as a renewed connection gets them.
        acknowledged: how often each kind of update was acknowledged that was not the client's.
        remarks: Warnings, Errors and refusals of the upstream.
        turns_ended: how often the upstream said that the user's turn was over; it may say so twice.
        over: whether the run is over, and with it every turn.
        view: what a client of the compatible endpoint is shown; None when there is none.
        dispatch: who runs which function call.
        turned_away: audio frames that came after a barge-in and were not handed on.
        dropped: audio that did not get where it should, until it is told.
        user_tap: is given the user's audio as it goes to the upstream.
        unread: ``in`` or ``out``, where audio is in an encoding that only passes through, from and to a compatible client.
    """

    def __init__(
        self,
        *,
        caller: Caller,
        upstream: str,
        document: dict[str, Any],
        functions: Functions,
        hub: Hub,
        metrics: Metrics,
        limits: LimitSettings,
        client: PassthroughClient | None = None,
    ) -> None:
        self.upstream = upstream
        self.link: Link | None = None
        self.lost: Closed | None = None
        self.changes = Changes()
        self.acknowledged: Counter[str] = Counter()
        self.remarks = Remarks()
        self.turns_ended = 0
        self.over = False
        self.audio_out_bytes = 0
        self._counted_in = self._counted_out = 0
        self._counted_dropped = 0
        self.dropped = Dropped()
        self.user_tap: Callable[[bytes], None] | None = None
        self._dead_air = DeadAir(limits.dead_air_s)
        self.last_active = asyncio.get_running_loop().time()
        self.view = ClientView(client) if client is not None else None
        self.listeners = Listeners()
        if client is not None:
            self.listeners.attach(client)
        self._metrics = metrics
        self._limits = limits
        self._run_id = caller.run_id
        self._loop = asyncio.get_running_loop()
        self._shown_activity = Activity.IDLE
        self.journal = Journal(
            hub,
            session_id=caller.session_id,
            run_id=caller.run_id,
            max_events=limits.event_ring,
            max_bytes=limits.event_ring_bytes,
        )
        self.tracker = TurnTracker(finished=self._turn_finished, wall=time.time, kept=limits.turns_kept)
        self.dispatch = Dispatch(
            functions, caller, tracker=self.tracker, view=self.view, metrics=metrics, limits=limits, publish=self.publish
        )
        self.calls = self.dispatch.calls
        self.adopt(document)

    def adopt(self, document: dict[str, Any]) -> None:
        """Take the Settings document the conversation begins with; the audio formats stay for its whole life."""
        self.document = document
        self.input_format = audio_format(*documents.input_format(document))
        self.output_format = audio_format(*documents.output_format(document))
        self.unread = frozenset(
            side
            for side, (encoding, _) in (("in", documents.input_format(document)), ("out", documents.output_format(document)))
            if encoding not in ENCODINGS
        )
        self.playback = Playback(self.output_format.bytes_per_second)
        self.tracker.expect_greeting(documents.greeting(document) or "")
        self.tracker.kept.audio_limit_bytes = self.output_format.bytes_for(self._limits.turn_audio_s)
        self.feed = Feed(
            self.input_format,
            queue=self._limits.audio_queue,
            send_audio=self._send_audio,
            send_keepalive=self._send_keepalive,
            congested=self._congested,
            own_silence=self.view is None,
        )
        self.feed.tap = self._user_audio

    # what others ask

    @property
    def activity(self) -> Activity:
        """What the conversation is doing."""
        return self.link.protocol.activity if self.link is not None else Activity.IDLE

    @property
    def attended(self) -> bool:
        """Somebody hears the agent, or can talk to it."""
        return self.listeners.present or self.feed.attended

    @property
    def user_speaking(self) -> bool:
        """An utterance has begun and is not confirmed."""
        return self.link is not None and self.link.protocol.user_speaking

    @property
    def function_calls(self) -> int:
        """Calls that the upstream did not run itself."""
        return self.dispatch.count

    def silence_due(self, now: float) -> bool:
        """Silence is sent until the turn is over, agent speech included, and for a while after a recording."""
        return self.tracker.current is not None or self.user_speaking or self.playback.playing(now) or self.feed.silence_owed

    def touch(self) -> None:
        """Speech or a command: the idle time begins anew."""
        self.last_active = self._loop.time()

    def cut(self, now: float) -> bool:
        """Our own barge-in: what is not played yet is thrown away. False when there was nothing to cut."""
        speaking = self.playback.playing(now) or self.tracker.current is not None
        self.tracker.cut(now, self._unplayed_bytes(now))
        self._silence(now)
        if self.link is not None:
            self.link.protocol.interrupt()
        if self.view is not None and speaking:
            self.view.interrupted()
        return speaking

    def end(self, *, heard_out: bool) -> None:
        """The run is over; ``heard_out`` when it ended by itself, after what was being said."""
        self.dispatch.give_up()
        self.tracker.failed(self._loop.time(), heard_out=heard_out)
        self.feed.close()
        self.listeners.end()
        self.over = True
        self.changes.notify()

    def count_audio(self) -> None:
        """Add what went by since the last time to the metrics; not per frame, where it would cost more than the frame."""
        now_in, now_out = self.feed.sent_bytes, self.audio_out_bytes
        self._metrics.audio("in", now_in - self._counted_in)
        self._metrics.audio("out", now_out - self._counted_out)
        self._counted_in, self._counted_out = now_in, now_out
        connection = self.link.connection if self.link is not None else None
        if connection is not None:
            self.dropped.note("upstream", self.input_format.duration_s(max(0, connection.dropped_bytes - self._counted_dropped)))
            self._counted_dropped = connection.dropped_bytes
        for told in self.dropped.take():
            self.publish("AudioDropped", told)

    def watch_dead_air(self, now: float) -> None:
        """Tell when the user waits for the agent too long."""
        unheard_s = self.feed.silence_s if self.user_speaking and self.feed.silence_s > 0 else None
        turn = self.tracker.current
        found = self._dead_air.look(turn, now, played_until=self.playback.until, unheard_s=unheard_s)
        if found is not None:
            stage, waited_s = found
            self._metrics.dead_air(stage)
            self.publish(
                "DeadAir", {"turn": turn.n if turn is not None else None, "stage": stage, "waited_s": round(waited_s, 3)}
            )

    def recording_stopped(self, reason: str) -> None:
        """Tell that nothing more is recorded, although the session goes on."""
        self._metrics.recording_stopped(reason)
        self.publish("RecordingStopped", {"reason": reason})

    def publish(self, type_: str, data: dict[str, Any]) -> None:
        """An event of this run; wakes whoever waits."""
        self.journal.append(type_, data)
        self.changes.notify()

    def show_activity(self, state: str) -> None:
        """Publish the activity when it changed."""
        if self.activity is not self._shown_activity:
            self._shown_activity = self.activity
            self.publish("SessionStateChanged", {"state": state, "activity": self.activity})

    def turn_view(self, turn: Turn, *, words: bool) -> dict[str, Any]:
        """The turn as JSON."""
        link = turn_audio_link(self._run_id, turn.n) if turn.audio else None
        return turn.view(words=words, audio_link=link)

    # LinkOwner

    def on_message(self, link: Link, message: Message, frame: bytes) -> None:  # noqa: C901, PLR0912, PLR0915 - the table of messages, best read whole
        """Reduce one text frame."""
        if link is not self.link:
            return
        now = self._loop.time()
        self._metrics.upstream_message(self.upstream, "in", message.type)
        by_client = self._asked_by_client(link, message, now)
        self._pass_on(link, message, frame, by_client=by_client)
        body = message.wire()
        body.pop("type", None)
        if isinstance(message, LatencyReport):  # told with its turn
            self.journal.show(message.type, body)
        else:  # before what follows from it
            self.publish(message.type, body)
        match message:
            case UserStartedSpeaking():
                self.touch()
                self._barge_in(now)
            case ConversationText(role="user"):
                self.turns_ended += 1
                self.touch()
                self.feed.confirmed()
                if self.tracker.user_said(message.content, now) is not None:
                    self.calls.forget()
            case ConversationText():
                self.touch()
                self.tracker.agent_said(message.content, now)
            case FunctionCallRequest():
                self.dispatch.requested(link, message, frame)
            case FunctionCallResponse():
                self.dispatch.answered(message)
            case FunctionCallCancelled():
                self.dispatch.cancelled(link, message)
            case EndOfTurn():
                self.turns_ended += 1
            case AgentAudioDone():
                if self.tracker.agent_done(now) is not None and not self.playback.playing(now):
                    link.protocol.playback_ended()
            case LatencyReport() | AgentStartedSpeaking():
                self.tracker.report(message.wire())
            case InjectionRefused() if not by_client:
                self.remarks.refused(message.message, now)
            case Error():
                self.remarks.complained(message)
                self._metrics.upstream_error(self.upstream, message.code)
                self.tracker.failed(now)
            case Warn(code=code) if code in INFORMING:
                self.remarks.complained(message)
                _log.info("upstream_uses_its_own", code=code, description=message.description)
            case Warn():
                self.remarks.complained(message)
                if message.code in REFUSALS and not by_client:
                    self.remarks.refused(message.description, now)
                self._metrics.upstream_error(self.upstream, message.code)
                _log.warning("upstream_warning", code=message.code, description=message.description)
            case _:
                pass
        kind = ACKNOWLEDGEMENTS.get(message.type)
        if kind is not None and not by_client:
            self.acknowledged[kind] += 1
        self.changes.notify()

    def on_agent_audio(self, link: Link, frame: bytes, *, heard: bool) -> None:
        """The short path of agent audio: clock, turn, client."""
        if link is not self.link:
            return
        self.audio_out_bytes += len(frame)
        if not heard:
            return
        now = self._loop.time()
        if self.tracker.unheard:
            link.protocol.playback_ended()
            return
        self.playback.received(len(frame), now)
        self.tracker.agent_audio(frame, now, delivered=self.listeners.present)
        self.listeners.agent_audio(frame)
        if self.view is not None:
            self.view.audio_passed()

    def on_lost(self, link: Link, closed: Closed) -> None:
        """The connection is gone."""
        if link is self.link:
            self.lost = closed
            self.changes.notify()

    def on_unreadable(self, link: Link, detail: str) -> None:
        """A frame that is no message: counted, the session goes on."""
        self._metrics.upstream_message(self.upstream, "in", "unreadable")
        _log.warning("upstream_frame_unreadable", detail=detail)

    # effects

    def _barge_in(self, now: float) -> None:
        """The agent is cut off. With no listener all that was received counts as played (api.md, Turn)."""
        self.tracker.user_started(now, self._unplayed_bytes(now))
        self._silence(now)

    def _unplayed_bytes(self, now: float) -> int:
        return self.playback.left_bytes(now) if self.listeners.present else 0

    def _silence(self, now: float) -> None:
        self.playback.cut(now)
        self.listeners.cut()

    def _pass_on(self, link: Link, message: Message, frame: bytes, *, by_client: bool) -> None:
        if isinstance(message, AgentAudioDone):
            self.listeners.reply_ended()  # before it is told, so that the audio is complete then
        if self.view is not None:
            self.view.show(link, message, frame, asked_by_client=by_client)

    def _asked_by_client(self, link: Link, message: Message, now: float) -> bool:
        """Whether ``message`` answers what the client asked for."""
        if isinstance(message, ConversationText):
            link.asked.said(message.content)
        return self.view is not None and link.asked.is_clients(message, now)

    def _user_audio(self, frame: bytes) -> None:
        if self.user_tap is not None:
            self.user_tap(frame)

    def _send_audio(self, frame: bytes) -> None:
        if self.link is not None:
            self.link.send_audio(frame)

    def _congested(self) -> bool:
        return self.link is not None and self.link.connection is not None and self.link.connection.congested

    def _send_keepalive(self) -> None:
        if self.link is not None and self.link.is_ready and self.view is None:
            self.link.send(KeepAlive())

    def count_message(self, message: Message) -> None:
        """A message of the client's went upstream."""
        self._metrics.upstream_message(self.upstream, "out", message.type)

    def _turn_finished(self, turn: Turn) -> None:
        self.calls.forget()
        link = self.link
        if link is not None and link.protocol.phase is ClientPhase.READY and not turn.audio_bytes:
            link.protocol.turn_ended()
        if turn.cause != "agent":
            self._metrics.turn(turn.latency().view())
        self.publish("TurnFinished", self.turn_view(turn, words=True))


def audio_format(encoding: str, sample_rate: int) -> AudioFormat:
    """The format as a value; encodings that only pass through a compatible client are counted as linear16."""
    plausible = 1 <= sample_rate <= MAX_RATE  # else the upstream refuses the Settings of a client in a moment
    return AudioFormat(ENCODINGS.get(encoding, "linear16"), sample_rate if plausible else 16_000)
