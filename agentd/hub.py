"""Fan-out of events to readers: bounded mailboxes, and a publisher that never waits for any of them.

It knows neither sessions nor transports; a reader that cannot keep up is cut off and the others are unharmed.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from agentd.protocol.messages import SERVER_MESSAGES

OWN_EVENTS: Final = frozenset(
    {
        "SessionStateChanged",
        "TurnFinished",
        "FunctionCallStarted",
        "FunctionCallFinished",
        "FunctionCallCancelled",
        "FunctionCallDelegated",
        "ConfirmationRequested",
        "ConfirmationSettled",
        "AgentChanged",
        "CommandFinished",
        "AudioDropped",
        "DeadAir",
        "RecordingStopped",
        "Gap",
        "Snapshot",
        "SessionEnded",
    }
)
"""What agentd adds to the upstream's own messages (api.md, Events)."""

EVENT_TYPES: Final = OWN_EVENTS | frozenset(SERVER_MESSAGES)

_WORD_KEYS: Final = frozenset(
    {"arguments", "content", "greeting", "heard", "message", "played", "prompt", "response", "result", "said", "text"}
)
"""Members that are left out whole, whatever they hold."""

_PLAIN_KEYS: Final = frozenset(
    {
        "activity", "agent", "audio", "basis", "behavior", "by", "call_id", "cause", "code", "command_id",
        "conversational_behavior", "encoding", "end_reason", "ended_at", "expires_at", "from", "id", "kind", "name", "old_state",
        "outcome", "reason", "request_id", "role", "run_id", "session_id", "stage", "started_at", "state", "tier", "time", "to",
        "trigger", "type", "upstream", "where",
    }
)  # fmt: skip
"""Members whose text is not speech. Any other text is left out: an unknown member may quote the user."""

Transport = Literal["sse", "poll", "ws", "http"]
Lane = Literal["control", "audio"]

TRANSPORTS: Final[tuple[Transport, ...]] = ("sse", "poll", "ws", "http")
LANES: Final[tuple[Lane, ...]] = ("control", "audio")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as readers get it (api.md, Events).

    Attributes:
        seq: counts per run, without gaps; 0: an original that others are told in another form, unnumbered.
        g: counts per daemon, without gaps; 0 as ``seq``.
        time: RFC 3339, UTC.
        data: must not be changed once the envelope exists: its JSON is kept.
    """

    seq: int
    g: int
    session_id: str
    run_id: str
    time: str
    type: str
    data: Mapping[str, Any]
    _json: dict[bool, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def words(self) -> bool:
        """True when the data holds something that only scope ``transcripts`` may read."""
        return self.type not in EVENT_TYPES or wordless(self.data) != self.data

    def json(self, *, words: bool = True) -> bytes:
        """The event as one line of JSON; encoded once for all readers.

        Args:
            words: False leaves out what was said, heard and passed to functions, and all of an unknown type.
        """
        found = self._json.get(words)
        if found is None:
            data = self.data if words else wordless(self.data) if self.type in EVENT_TYPES else {}
            found = self._json[words] = self._encode(data)
        return found

    def _encode(self, data: Mapping[str, Any]) -> bytes:
        numbers = {"seq": self.seq, "g": self.g} if self.seq else {}
        run = {"session_id": self.session_id, "run_id": self.run_id, "time": self.time, "type": self.type}
        return orjson.dumps(numbers | run | {"data": data}, default=str)


def wordless(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` without words: numbers stay, text stays only where its member is known not to be speech."""
    kept: dict[str, Any] = {}
    for key, value in data.items():
        if key in _WORD_KEYS or (isinstance(value, str) and key not in _PLAIN_KEYS):
            continue
        if isinstance(value, Mapping):
            kept[key] = wordless(value)
        elif isinstance(value, list | tuple):
            kept[key] = [
                wordless(item) if isinstance(item, Mapping) else item
                for item in value
                if not isinstance(item, str | list | tuple) or key in _PLAIN_KEYS
            ]
        else:
            kept[key] = value
    return kept


class Mailbox:
    """What waits for one reader. Made by ``Hub.subscribe``; one reader calls ``get``.

    Attributes:
        overflowed: the reader was too slow and was cut off; what waited for it is gone.
        raw: it also takes originals.
        arrived: how many events were ever put in.
        taken: how many were taken out.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        types: frozenset[str] | None,
        max_items: int,
        max_bytes: int,
        serves: Callable[[str], bool] = lambda _: True,
        raw: bool = False,
        something: asyncio.Event | None = None,
    ) -> None:
        self.transport = transport
        self._serves = serves
        self.raw = raw
        self.overflowed = False
        self.arrived = self.taken = 0
        self._types = types
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: deque[Envelope] = deque()
        self._bytes = 0
        self._ended = False
        self._something = something or asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def ended(self) -> bool:
        """True once no further event can arrive; what waits can still be read."""
        return self._ended

    def put(self, envelope: Envelope) -> bool:
        """Add an event, or cut the reader off when it does not fit. Returns False for the cut."""
        if self._ended or (self._types is not None and envelope.type not in self._types) or not self._serves(envelope.run_id):
            return True
        self._bytes += len(envelope.json())
        if len(self._items) >= self._max_items or self._bytes > self._max_bytes:
            self.overflowed = True
            self._items.clear()
            self._bytes = 0
            self.end()
            return False
        self._items.append(envelope)
        self.arrived += 1
        self._something.set()
        return True

    def end(self) -> None:
        """No more events: ``get`` returns what waits, then None."""
        self._ended = True
        self._something.set()

    async def get(self) -> Envelope | None:
        """The next event, waiting for it; None once the mailbox has ended and is empty."""
        while not self._items:
            if self._ended:
                return None
            self._something.clear()
            await self._something.wait()
        return self.take()

    def take(self) -> Envelope | None:
        """The next event, or None when none waits."""
        if not self._items:
            return None
        envelope = self._items.popleft()
        self.taken += 1
        self._bytes -= len(envelope.json())
        return envelope


class Hub:
    """Hands every published event to the mailboxes that want it.

    Attributes:
        g: number of the newest event of the daemon.
        subscribers: open mailboxes by transport.
        drops: readers cut off, and audio frames dropped, by transport and lane.
    """

    def __init__(self) -> None:
        self.g = 0
        self.subscribers: Counter[Transport] = Counter()
        self.drops: Counter[tuple[Transport, Lane]] = Counter()
        self._by_run: defaultdict[str | None, set[Mailbox]] = defaultdict(set)
        self._run_of: dict[Mailbox, str | None] = {}
        self._closed = False
        self._taps: list[Callable[[Envelope], None]] = []

    def tap(self, listener: Callable[[Envelope], None]) -> None:
        """Tell ``listener`` of every event, before any reader; it must not wait or raise."""
        self._taps.append(listener)

    def next_g(self) -> int:
        """The number of the next event; every number taken must be published."""
        self.g += 1
        return self.g

    def publish(self, envelope: Envelope) -> None:
        """Hand out one event. Never waits."""
        for listener in self._taps:
            listener(envelope)
        for key in (envelope.run_id, None):
            for mailbox in tuple(self._by_run.get(key, ())):
                if not mailbox.put(envelope):
                    self.drops[mailbox.transport, "control"] += 1
                    self.unsubscribe(mailbox)

    def show(self, original: Envelope) -> None:
        """Hand out an unnumbered original to those readers of its run, or of all, who want to see such."""
        for key in (original.run_id, None):
            for mailbox in tuple(self._by_run.get(key, ())):
                if mailbox.raw and not mailbox.put(original):
                    self.drops[mailbox.transport, "control"] += 1
                    self.unsubscribe(mailbox)

    def subscribe(
        self,
        *,
        run_id: str | None = None,
        types: frozenset[str] | None = None,
        max_items: int,
        max_bytes: int,
        transport: Transport = "sse",
        serves: Callable[[str], bool] = lambda _: True,
        raw: bool = False,
        something: asyncio.Event | None = None,
    ) -> Mailbox:
        """A mailbox for what is published from now on.

        Args:
            run_id: one run, or None for every session.
            types: names of events, or None for all.
            max_items: events that may wait; one more cuts the reader off.
            max_bytes: their size as JSON.
            transport: label of the metrics.
            serves: says of a run whether the reader may know of it.
            raw: also unnumbered originals.
            something: set at every event and at the end, for a reader that waits for other things too.
        """
        mailbox = Mailbox(
            transport=transport,
            types=types,
            max_items=max_items,
            max_bytes=max_bytes,
            serves=serves,
            raw=raw,
            something=something,
        )
        if self._closed:
            mailbox.end()
            return mailbox
        self._by_run[run_id].add(mailbox)
        self._run_of[mailbox] = run_id
        self.subscribers[transport] += 1
        return mailbox

    def unsubscribe(self, mailbox: Mailbox) -> None:
        """The reader is gone; idempotent."""
        if mailbox not in self._run_of:
            return
        run_id = self._run_of.pop(mailbox)
        mailboxes = self._by_run[run_id]
        mailboxes.discard(mailbox)
        if not mailboxes:
            del self._by_run[run_id]
        self.subscribers[mailbox.transport] -= 1
        mailbox.end()

    def close(self) -> None:
        """The daemon stops: every reader gets what waits for it, then the end."""
        self._closed = True
        for mailbox in tuple(self._run_of):
            self.unsubscribe(mailbox)
