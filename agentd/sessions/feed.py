"""What the upstream hears: injected speech in real time, an open microphone, silence where neither gives any, else KeepAlive.

One talker at a time; further ones queue. One microphone at a time, which is not heard while a recording talks. All pacing
happens in ``tick``, which one ticker calls for every session: there is no task, timer or sleep per session. Formats here are
the session's input format.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from agentd.audio.formats import AudioFormat
from agentd.errors import SessionBusy

TICK_S: Final = 0.02
KEEPALIVE_S: Final = 5.0
"""Deepgram docs, "Agent KeepAlive": one every 8 s; 10 s without a message ends the session. 5 s leaves room."""
RING_S: Final = 10.0
BUFFER_S: Final = 2.0
SILENCE_AFTER_SPEECH_S: Final = 4.0
"""Silence that follows a recording even if nothing was heard: time for any upstream to notice the end of speech."""
MICROPHONE_HELD_S: Final = 1.0
"""A microphone that gave nothing for so long is free for another one."""
MICROPHONE_LATE_S: Final = 0.3
"""Audio of a microphone or a live upload may be so late on its way before silence takes its place: a network's jitter must
not tear holes of a few milliseconds into words."""
_LONGEST_CATCH_UP_S: Final = 1.0
_STEP_S: Final = 0.1


class Talker:
    """One injection: a bounded buffer between an upload and the pacing.

    Args:
        realtime: False sends as fast as the buffer fills (``?pace=fast``).
    """

    def __init__(self, audio: AudioFormat, *, realtime: bool = True) -> None:
        self.realtime = realtime
        self.sent_bytes = 0
        self.started = asyncio.Event()
        self.drained = asyncio.Event()
        self._buffer = bytearray()
        self._limit = audio.bytes_for(BUFFER_S)
        self._step = audio.bytes_for(_STEP_S)
        self._late_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._finished = False

    async def write(self, pcm: bytes) -> None:
        """Add audio; waits while two seconds are buffered. After ``finish`` it is dropped."""
        for start in range(0, len(pcm), self._step):
            await self._room.wait()
            if self._finished:
                return
            self._buffer += pcm[start : start + self._step]
            if len(self._buffer) >= self._limit:
                self._room.clear()

    def finish(self, *, drop: bool = False) -> None:
        """No more audio follows; ``drop`` throws away what is buffered."""
        self._finished = True
        self._room.set()
        if drop:
            self._buffer.clear()
            self.drained.set()

    def late(self, n_bytes: int) -> None:
        """So much time passed without its audio, because that was on its way or the upstream was lost."""
        self._late_bytes = min(self._late_bytes + n_bytes, self._limit)

    def take_due(self, due: int) -> bytes:
        """``due`` bytes, and as many again while the audio of a time that has passed is still to come.

        A live stream that was held up for a second would otherwise be a second behind for the rest of its life.
        """
        chunk = self.take(due + min(due, self._late_bytes))
        self._late_bytes -= max(0, len(chunk) - due)
        return chunk

    def take(self, n_bytes: int | None) -> bytes:
        """Up to ``n_bytes`` of audio (None: all of it); sets ``drained`` once everything is out."""
        chunk = bytes(self._buffer if n_bytes is None else self._buffer[:n_bytes])
        del self._buffer[: len(chunk)]
        self.sent_bytes += len(chunk)
        if len(self._buffer) < self._limit:
            self._room.set()
        if self._finished and not self._buffer:
            self.drained.set()
        return chunk


class Feed:
    """The input side of one session.

    Args:
        audio: the session's input format.
        queue: how many talkers may wait for the one who talks.
        send_audio: passes audio to the upstream, never waits.
        send_keepalive: sends KeepAlive.
        congested: True while the upstream takes no more for now; what is not bound to time then waits.
        own_silence: False for a client that keeps its own stream going (compatible endpoint): silence only follows recordings.
    """

    def __init__(
        self,
        audio: AudioFormat,
        *,
        queue: int,
        send_audio: Callable[[bytes], None],
        send_keepalive: Callable[[], None],
        congested: Callable[[], bool] = lambda: False,
        own_silence: bool = True,
    ) -> None:
        self.audio = audio
        self.sent_bytes = 0
        self.silence_s = 0.0
        """Seconds of silence sent since the last sample that was given to us."""
        self.after_talk_s = float("inf")
        """Seconds of audio, of silence or of a microphone, sent since the last sample of a recording."""
        self.tap: Callable[[bytes], None] | None = None
        """Is given all audio that goes to the upstream, in order; what a renewed connection hears again comes once."""
        self._send_audio = send_audio
        self._send_keepalive = send_keepalive
        self._congested = congested
        self._own_silence = own_silence
        self._queue: deque[Talker] = deque()
        self._queue_limit = queue + 1
        self._given = False
        self._filled_until: float | None = None
        self._last_sent_at = 0.0
        self._microphone: object = None
        self._live_at = self._live_until = float("-inf")
        self._live_frame_s = 0.0
        self._ring: deque[bytes] = deque()
        self._ring_bytes = 0

    # who talks

    def join(self, talker: Talker, *, wait_in_line: bool) -> None:
        """Let ``talker`` talk, at once or after those before it.

        Raises:
            SessionBusy: somebody talks and ``wait_in_line`` is False, or the line is full.
        """
        self.check_line(wait_in_line=wait_in_line)
        self._queue.append(talker)
        if self._queue[0] is talker:
            talker.started.set()

    def check_line(self, *, wait_in_line: bool) -> None:
        """Whether one more may join: the errors of ``join``, before anything of a recording was read."""
        if self._queue and not wait_in_line:
            raise SessionBusy("Another recording is being injected; wait for it, or leave out queue=false to queue behind it.")
        if len(self._queue) >= self._queue_limit:
            raise SessionBusy(f"{len(self._queue)} recordings already wait in this session; try again later.", retry_after_s=5)

    def leave(self, talker: Talker) -> None:
        """``talker`` is done or gave up; the next in line begins."""
        if talker not in self._queue:
            return
        self._queue.remove(talker)
        talker.finish(drop=True)
        if self._queue:
            self._queue[0].started.set()

    def close(self) -> None:
        """The session ended: nobody talks any more."""
        for talker in list(self._queue):
            self.leave(talker)
        self.confirmed()

    @property
    def talking(self) -> bool:
        """True while an injected recording is being sent."""
        return bool(self._queue) and not self._queue[0].drained.is_set()

    @property
    def silence_owed(self) -> bool:
        """True for a while after the last sample we were given."""
        return self._given and self.silence_s < SILENCE_AFTER_SPEECH_S

    def live(self, frame: bytes, now: float, source: object = "client") -> bool:
        """Audio from an open microphone: it goes straight on, unless a recording talks.

        Args:
            frame: whole samples.
            now: monotonic seconds.
            source: whose microphone it is. The first keeps it while it gives audio; ``hang_up`` and a second without any
                free it.

        Returns:
            False when another one's microphone is open, and nothing was heard.
        """
        if source is not self._microphone and self._microphone is not None and now - self._live_at < MICROPHONE_HELD_S:
            return False
        duration_s = self.audio.duration_s(len(frame))
        if now - self._live_until > _LONGEST_CATCH_UP_S:
            self._live_until = now - duration_s
        self._microphone, self._live_at, self._live_frame_s = source, now, duration_s
        self._live_until += duration_s
        if not self.talking:
            self._filled_until = max(self._filled_until or 0.0, self._live_until)
            self._pass_on(frame, now, given=True)
        return True

    def hang_up(self, source: object) -> None:
        """``source`` has closed its microphone."""
        if source is self._microphone:
            self._microphone = None

    def ahead_s(self, now: float) -> float:
        """Seconds that the open microphone has given more than time has passed: nobody speaks faster than that."""
        return max(0.0, self._live_until - now)

    @property
    def attended(self) -> bool:
        """Somebody can talk into the session: an upload runs, or a microphone is open."""
        return bool(self._queue) or self._microphone is not None

    # pacing

    def tick(self, now: float, *, silence_due: bool) -> None:
        """Send what is due: the talker's audio, else silence while ``silence_due``, else KeepAlive every 5 s."""
        talker = self._queue[0] if self._queue else None
        if talker is not None and not talker.drained.is_set():
            self._talk(talker, now)
        elif silence_due and (self._own_silence or self.after_talk_s < SILENCE_AFTER_SPEECH_S):
            if now - self._live_at >= MICROPHONE_LATE_S + self._live_frame_s or self._microphone is None:
                self._silence(self._due(now), now)
        else:
            if now - self._live_at > MICROPHONE_LATE_S:
                self._filled_until = None
            if now - self._last_sent_at >= KEEPALIVE_S:
                self._last_sent_at = now
                self._send_keepalive()

    def _talk(self, talker: Talker, now: float) -> None:
        """Send a recording: as time passes, or as fast as it comes and the upstream takes it."""
        if not talker.realtime:
            if not self._congested():
                self._filled_until = now
                self._talked(talker.take(None), now)
            return
        due = self._behind(now)
        chunk = talker.take_due(due)
        self._fill(min(len(chunk), due))
        self._talked(chunk, now)
        missing = due - len(chunk)
        if missing >= self.audio.bytes_for(MICROPHONE_LATE_S) and not talker.drained.is_set():
            talker.late(missing)
            self._fill(missing)
            self._silence(missing, now)

    def _talked(self, chunk: bytes, now: float) -> None:
        if chunk:
            self._pass_on(chunk, now, given=True, talk=True)

    def connected(self, now: float) -> None:
        """A new connection is ready: pacing begins anew."""
        if self._queue and self._filled_until is not None:
            self._queue[0].late(self.audio.bytes_for(max(0.0, now - self._filled_until)))
        self._filled_until = None
        self._last_sent_at = now

    # what a renewed connection must hear again

    def confirmed(self) -> None:
        """The user's words were confirmed as text: nothing before this needs to be heard again."""
        self._ring.clear()
        self._ring_bytes = 0

    def replay(self, now: float) -> None:
        """Send the audio since the last confirmed text (at most 10 s) at once, or half a command would be heard."""
        frames = list(self._ring)
        self.confirmed()
        for frame in frames:
            self._pass_on(frame, now, given=True, again=True)

    def _due(self, now: float) -> int:
        n_bytes = self._behind(now)
        self._fill(n_bytes)
        return n_bytes

    def _behind(self, now: float) -> int:
        """Bytes of the time that has passed since the last sample was sent."""
        start = self._filled_until if self._filled_until is not None else now - TICK_S
        self._filled_until = start = max(start, now - _LONGEST_CATCH_UP_S)
        return self.audio.bytes_for(max(0.0, now - start))

    def _fill(self, n_bytes: int) -> None:
        """So much of that time is filled now."""
        self._filled_until = (self._filled_until or 0.0) + n_bytes / self.audio.bytes_per_second

    def _silence(self, n_bytes: int, now: float) -> None:
        if n_bytes > 0:
            self.silence_s += n_bytes / self.audio.bytes_per_second
            self._pass_on(self.audio.silence(n_bytes), now, given=False)

    def _pass_on(self, frame: bytes, now: float, *, given: bool, talk: bool = False, again: bool = False) -> None:
        self.after_talk_s = 0.0 if talk else self.after_talk_s + self.audio.duration_s(len(frame))
        if given:
            self._given, self.silence_s = True, 0.0
        if given or self._ring:
            self._ring.append(frame)
            self._ring_bytes += len(frame)
            while self._ring_bytes > self.audio.bytes_for(RING_S):
                self._ring_bytes -= len(self._ring.popleft())
        self.sent_bytes += len(frame)
        self._last_sent_at = now
        self._send_audio(frame)
        if self.tap is not None and not again:
            self.tap(frame)
