"""Every metric of the daemon, in one place. Names are final; labels come from closed lists and never hold an id or free text.

The registry is given: tests and the daemon each have their own.
"""

import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    exposition,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from agentd.hub import LANES, TRANSPORTS, Hub
from agentd.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES

UPSTREAMS: Final = ("deepgram", "engine")
STATES: Final = ("connecting", "active", "reconnecting", "stopping")
END_REASONS: Final = (
    "stopped", "client_left", "agent_ended", "idle_timeout", "max_duration", "settings_rejected",
    "upstream_closed", "upstream_error", "budget", "daemon_shutdown", "interrupted",
)  # fmt: skip
CONNECT_OUTCOMES: Final = ("ok", "unreachable", "auth", "payment", "refused", "busy", "timeout")
UPSTREAM_CODES: Final = frozenset(
    {
        "AGENT_ID_NOT_SUPPORTED", "ASR_CONNECTION_CLOSED", "ASR_DRIVER_TIMEOUT", "CLIENT_MESSAGE_TIMEOUT", "DATA-0002",
        "FAILED_TO_LISTEN", "FAILED_TO_SPEAK", "FAILED_TO_START_LISTENING", "FAILED_TO_THINK", "FORCE_END_TURN_UNSUPPORTED",
        "FUNCTION_CALL_FAILED", "GPT_4O_STREAM_END_ERROR", "INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH",
        "INJECT_AGENT_MESSAGE_DURING_USER_SPEECH", "INTERNAL_SERVER_ERROR", "INVALID_AGENT_ID", "INVALID_SETTINGS",
        "MAXIMUM_SESSION_LENGTH_APPROACHING", "MAXIMUM_SESSION_LENGTH_REACHED", "NON_EXISTENT_FUNCTION_CALLED",
        "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "PROMPT_TOO_LONG", "SERVER_GOING_AWAY", "SETTINGS_ALREADY_APPLIED",
        "SLOW_SPEAK_REQUEST", "SLOW_THINK_REQUEST", "SPEAK_REQUEST_FAILED", "THINK_REQUEST_FAILED",
        "UNPARSABLE_CLIENT_MESSAGE", "USER_AUDIO_FORMAT", "VOICE_PROMPT_ADDED",
    }
)  # fmt: skip
"""Codes that are counted under their name; any other is "other", or an upstream could make labels without end."""

STAGES: Final = ("endpointing", "listen", "think", "function", "speak", "rest", "total")
CALL_OUTCOMES: Final = ("ok", "error", "timeout", "invalid", "unknown", "denied", "cancelled")
DENIALS: Final = (
    "not_allowed", "tier", "taint", "confirmation", "actions_disabled", "rate", "loop", "call_id", "audit", "other",
)  # fmt: skip
"""Why the gate kept a call from running: the agent's list, the tier policy, a session with strangers' words in it, no
confirmation, the kill switch, too many in a minute, the same again and again, an id used twice, no audit."""
CONFIRMATIONS: Final = ("asked", "approved", "refused", "expired", "withdrawn", "disabled")
WORKER_ENDS: Final = (
    "timeout", "cancelled", "memory", "processes", "cpu", "output", "signal", "exit", "protocol", "renewed", "unused", "other",
)  # fmt: skip
"""Why worker processes ended: a call past its time or cancelled that would not stop, a limit, by a signal or by themselves in
a call, a broken pipe; renewed and unused are housekeeping."""
COMMAND_OUTCOMES: Final = (
    "applied", "accepted", "spoken", "answered", "unanswered", "refused", "no_effect", "superseded", "session_ended", "partial",
    "failed",
)  # fmt: skip
COMMAND_KINDS: Final = ("prompt", "think", "speak", "listen", "message", "say", "ask", "end_turn", "interrupt", "audio")
LIMITS: Final = frozenset(
    {
        "audio_body_bytes", "audio_body_s", "audio_decoders", "auth_failures_per_minute", "connections", "connections_per_token",
        "header_line_bytes", "headers", "json_body_bytes", "json_depth", "minutes_per_day", "request_read_s", "sessions",
        "sse_clients", "starts_per_minute", "ws_messages_per_second",
    }
)  # fmt: skip
"""Keys of ``[limits]`` (and ``other``) that are counted when they turn something away."""
DEAD_AIR_STAGES: Final = ("listen", "think", "function", "speak")
RECORDING_STOPS: Final = ("daily-limit", "disk-full", "disk-slow", "disk-error", "encoding")
HTTP_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

_MESSAGE_TYPES: Final = frozenset(SERVER_MESSAGES) | frozenset(CLIENT_MESSAGES) | {"unreadable"}

# A reply within 0.65 s feels immediate and after 2 s a person speaks again: the steps are close where it matters.
_TURN_BUCKETS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
# A handshake takes 0.1 s near by and is given up after 10 s.
_CONNECT_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# A wake word trial lasts seconds, a room appliance stays until the two-hour limit.
_SESSION_BUCKETS: Final = (10, 60, 300, 900, 1800, 3600, 7200)
# A warm worker answers in under a millisecond; handlers have 10 s by default.
_CALL_BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 10.0)
# An update is acknowledged in a round trip; what is to be said waits for what is being said; people take their time to answer.
_COMMAND_BUCKETS: Final = (0.01, 0.05, 0.2, 1.0, 5.0, 30.0)
# Plain calls take about a millisecond; those with ?wait= take as long as a turn. Few steps: there are many routes.
_HTTP_BUCKETS: Final = (0.005, 0.05, 0.5, 5.0)
# A commit takes a fraction of a millisecond; a busy disk tens, a locked file seconds.
_COMMIT_BUCKETS: Final = (0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2.5, 10.0)
# Audio goes out every 20 ms: a lag beyond that can be heard.
_LAG_BUCKETS: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.5)


class Metrics:
    """The metrics of one daemon.

    Args:
        registry: where they are registered; one ``Metrics`` each.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else every counter gets a `_created` twin
        self.registry = registry
        self._functions: Callable[[], Collection[str]] = frozenset
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"agentd_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"agentd_{name}", text, labels, registry=registry, buckets=buckets)

        build = Gauge("agentd_build_info", "What runs; always 1.", ("version", "python"), registry=registry)
        build.labels(version("agentd"), platform.python_version()).set(1)
        self._reloaded = Gauge(
            "agentd_config_last_reload_success_timestamp_seconds", "When the configuration in use was read.", registry=registry
        )
        self._started = counter("sessions_started", "Sessions started.", "upstream")
        self._ended = counter("sessions_ended", "Sessions ended, by reason.", "upstream", "reason")
        self._session_s = histogram("session_duration_seconds", "How long sessions lasted.", _SESSION_BUCKETS, "upstream")
        self._connect_s = histogram(
            "upstream_connect_duration_seconds", "Time of a connection attempt.", _CONNECT_BUCKETS, "upstream", "outcome"
        )
        self._messages = counter("upstream_messages", "Text messages.", "upstream", "direction", "type")
        self._errors = counter("upstream_errors", "Errors and warnings.", "upstream", "code")
        self._audio = counter("audio_bytes", "Audio of conversations: in is towards the upstream.", "direction")
        self._turn_s = histogram("turn_latency_seconds", "Stages from end of speech to first audio.", _TURN_BUCKETS, "stage")
        self._calls = counter("function_calls", "Function calls settled.", "function", "outcome")
        self._call_s = histogram("function_call_duration_seconds", "Time of function calls.", _CALL_BUCKETS, "function")
        self._denied = counter("function_calls_denied", "Function calls that were not run, by reason.", "reason")
        self._confirmations = counter("function_confirmations", "Confirmations of function calls.", "outcome")
        self._workers_ended = counter("function_workers_ended", "Worker processes that ended, by reason.", "reason")
        self._audit_failures = counter("audit_failures", "Times that the audit file could not be written.")
        self._commands = counter("commands", "Commands to sessions.", "kind", "outcome")
        self._command_s = histogram(
            "command_effect_seconds", "Time from a command to its effect, where it had one.", _COMMAND_BUCKETS, "kind"
        )
        self._dead_air = counter("dead_air", "Waits of users for the agent longer than limits.dead_air_s.", "stage")
        self._recording_stops = counter("recording_stops", "Recordings that stopped before their session.", "reason")
        self._http_s = histogram(
            "http_request_duration_seconds",
            "Time until a response was complete, streams included.",
            _HTTP_BUCKETS,
            "method",
            "route",
            "status",
        )
        self._commit_s = histogram("store_commit_seconds", "Time of a commit to the store.", _COMMIT_BUCKETS)
        self._limits = counter("limits_reached", "Requests, connections and starts turned away, by the key of [limits].", "limit")
        self._lag = histogram("event_loop_lag_seconds", "How late the event loop ran what was due.", _LAG_BUCKETS)
        self._initialise()
        self.config_loaded()

    def _initialise(self) -> None:
        """Known label values exist from the start as 0, so that a rate over the first event is right."""
        for upstream in UPSTREAMS:
            self._started.labels(upstream)
            self._session_s.labels(upstream)
            self._connect_s.labels(upstream, "ok")
            for reason in END_REASONS:
                self._ended.labels(upstream, reason)
            self._errors.labels(upstream, "other")
        for direction in ("in", "out"):
            self._audio.labels(direction)
        for stage in STAGES:
            self._turn_s.labels(stage)
        for stage in DEAD_AIR_STAGES:
            self._dead_air.labels(stage)
        for reason in RECORDING_STOPS:
            self._recording_stops.labels(reason)
        for kind in COMMAND_KINDS:
            self._commands.labels(kind, "no_effect")
        for limit in LIMITS:
            self._limits.labels(limit)
        for denial in DENIALS:
            self._denied.labels(denial)
        for confirmation in CONFIRMATIONS:
            self._confirmations.labels(confirmation)
        for end in WORKER_ENDS:
            self._workers_ended.labels(end)

    # what is asked at scrape

    def watch_sessions(self, states: Callable[[], Mapping[str, int]], limit: Callable[[], int]) -> None:
        """Show the live sessions: ``states`` is asked at every scrape."""

        def families() -> Iterator[Metric]:
            now = states()
            sessions = GaugeMetricFamily("agentd_sessions", "Live sessions by state.", labels=["state"])
            for state in STATES:
                sessions.add_metric([state], now.get(state, 0))
            yield sessions
            yield GaugeMetricFamily("agentd_session_limit", "Most live sessions.", value=limit())

        self.registry.register(_Asked(families))

    def watch_hub(self, hub: Hub) -> None:
        """Show the readers of events and those that were cut off."""

        def families() -> Iterator[Metric]:
            open_now = GaugeMetricFamily("agentd_subscribers", "Open readers of events.", labels=["transport"])
            drops = CounterMetricFamily(
                "agentd_subscriber_drops", "Slow readers cut off, audio frames dropped.", labels=["transport", "lane"]
            )
            for transport in TRANSPORTS:
                open_now.add_metric([transport], hub.subscribers[transport])
                for lane in LANES:
                    drops.add_metric([transport, lane], hub.drops[transport, lane])
            yield open_now
            yield drops

        self.registry.register(_Asked(families))

    def watch_connections(self, open_now: Callable[[], int], most: int) -> None:
        """Show the open HTTP connections."""

        def families() -> Iterator[Metric]:
            yield GaugeMetricFamily("agentd_http_connections", "Open HTTP connections.", value=open_now())
            yield GaugeMetricFamily("agentd_http_connection_limit", "Most open HTTP connections.", value=most)

        self.registry.register(_Asked(families))

    def watch_draining(self, draining: Callable[[], bool]) -> None:
        """Show whether sessions are started: ``draining`` is asked at every scrape."""

        def families() -> Iterator[Metric]:
            yield GaugeMetricFamily("agentd_draining", "1 while the daemon starts no sessions.", value=float(draining()))

        self.registry.register(_Asked(families))

    def watch_budget(self, left_s: Callable[[], float | None]) -> None:
        """Show what is left of the day's minutes; nothing where they are not limited."""

        def families() -> Iterator[Metric]:
            left = left_s()
            if left is not None:
                text = "Connection time to the paid upstream left today (UTC)."
                yield GaugeMetricFamily("agentd_budget_left_seconds", text, value=left)

        self.registry.register(_Asked(families))

    def watch_functions(self, names: Callable[[], Collection[str]]) -> None:
        """Count calls under these names; a name that is not among them is counted as "other"."""
        self._functions = names

    def watch_actions(self, disabled: Callable[[], bool]) -> None:
        """Show the kill switch: ``disabled`` is asked at every scrape."""

        def families() -> Iterator[Metric]:
            text = "1 while functions of tier medium and high are switched off."
            yield GaugeMetricFamily("agentd_actions_disabled", text, value=float(disabled()))

        self.registry.register(_Asked(families))

    def watch_mcp(self, servers: Callable[[], Mapping[str, bool]]) -> None:
        """Show the MCP servers of the configuration: ``servers`` says of each name whether it answers."""

        def families() -> Iterator[Metric]:
            up = GaugeMetricFamily("agentd_mcp_server_up", "1 while the MCP server can be called.", labels=["server"])
            for name, answers in servers().items():
                up.add_metric([name], float(answers))
            yield up

        self.registry.register(_Asked(families))

    def watch_audit(self, figures: Callable[[], Mapping[str, float]]) -> None:
        """Show the audit: ``figures`` gives ``up``, ``waiting_lines``, ``written_lines``, ``dropped_lines``, ``file_bytes``."""

        def families() -> Iterator[Metric]:
            now = figures()
            yield GaugeMetricFamily("agentd_audit_up", "1 while the disk takes the audit.", value=now["up"])
            yield GaugeMetricFamily("agentd_audit_queue_lines", "Lines that wait for the disk.", value=now["waiting_lines"])
            yield GaugeMetricFamily("agentd_audit_file_bytes", "The audit file.", value=now["file_bytes"])
            yield CounterMetricFamily("agentd_audit_lines", "Lines written.", value=now["written_lines"])
            yield CounterMetricFamily("agentd_audit_dropped_lines", "Lines given up.", value=now["dropped_lines"])

        self.registry.register(_Asked(families))

    def watch_store(self, figures: Callable[[], Mapping[str, float]]) -> None:
        """Show the store: ``figures`` gives ``up``, ``waiting_rows``, ``written_rows``, ``dropped_rows``, ``file_bytes``."""

        def families() -> Iterator[Metric]:
            now = figures()
            yield GaugeMetricFamily("agentd_store_up", "1 while the disk takes what is written.", value=now["up"])
            yield GaugeMetricFamily("agentd_store_queue_rows", "Rows that wait for the disk.", value=now["waiting_rows"])
            yield GaugeMetricFamily("agentd_store_file_bytes", "The database with its log.", value=now["file_bytes"])
            yield CounterMetricFamily("agentd_store_rows", "Rows committed.", value=now["written_rows"])
            yield CounterMetricFamily("agentd_store_dropped_rows", "Rows given up.", value=now["dropped_rows"])

        self.registry.register(_Asked(families))

    # what is told

    def store_commit(self, duration_s: float) -> None:
        """A commit is on the disk; told on the writer's thread."""
        self._commit_s.observe(duration_s)

    def config_loaded(self) -> None:
        """The configuration in use was read now."""
        self._reloaded.set(time.time())

    def session_started(self, upstream: str) -> None:
        """A session was launched."""
        self._started.labels(upstream).inc()

    def session_ended(self, upstream: str, reason: str, duration_s: float) -> None:
        """A session is over."""
        self._ended.labels(upstream, reason if reason in END_REASONS else "interrupted").inc()
        self._session_s.labels(upstream).observe(duration_s)

    def upstream_connect(self, upstream: str, outcome: str, duration_s: float) -> None:
        """A connection attempt ended: ``ok`` or the last part of the error's code (``auth``, ``busy`` …)."""
        outcome = outcome.removeprefix("upstream-")
        self._connect_s.labels(upstream, outcome if outcome in CONNECT_OUTCOMES else "refused").observe(duration_s)

    def upstream_message(self, upstream: str, direction: str, type_: str) -> None:
        """A text message went ``in`` (from the upstream) or ``out``."""
        self._messages.labels(upstream, direction, type_ if type_ in _MESSAGE_TYPES else "other").inc()

    def upstream_error(self, upstream: str, code: str | None) -> None:
        """An Error or Warning of the upstream, or an own error about it."""
        self._errors.labels(upstream, code if code in UPSTREAM_CODES else "other").inc()

    def audio(self, direction: str, n_bytes: int) -> None:
        """Audio went ``in`` (to the upstream) or ``out`` (from it)."""
        self._audio.labels(direction).inc(n_bytes)

    def turn(self, latency: Mapping[str, Any]) -> None:
        """A turn is over: its latency as in the API (``think_s`` …); stages that are not known are not counted."""
        for stage in STAGES:
            seconds = latency.get(f"{stage}_s")
            if seconds is not None:
                self._turn_s.labels(stage).observe(seconds)

    def function_call(self, name: str, outcome: str, duration_s: float) -> None:
        """A function call was settled."""
        function = name if name in self._functions() else "other"
        self._calls.labels(function, outcome if outcome in CALL_OUTCOMES else "error").inc()
        self._call_s.labels(function).observe(duration_s)

    def function_denied(self, reason: str) -> None:
        """The gate kept a call from running: one of ``DENIALS``."""
        self._denied.labels(reason if reason in DENIALS else "other").inc()

    def confirmation(self, outcome: str) -> None:
        """A confirmation was ``asked`` for, or came to its end: one of ``CONFIRMATIONS``."""
        self._confirmations.labels(outcome if outcome in CONFIRMATIONS else "withdrawn").inc()

    def function_worker_ended(self, reason: str) -> None:
        """A worker process ended: one of ``WORKER_ENDS``."""
        self._workers_ended.labels(reason if reason in WORKER_ENDS else "other").inc()

    def audit_failed(self) -> None:
        """The audit file could not be written; told on the writer's thread."""
        self._audit_failures.inc()

    def command(self, kind: str, outcome: str, effect_s: float | None) -> None:
        """A command to a session had this outcome; ``effect_s`` is the time to its effect, None when it had none."""
        kind = kind if kind in COMMAND_KINDS else "other"
        self._commands.labels(kind, outcome if outcome in COMMAND_OUTCOMES else "failed").inc()
        if effect_s is not None:
            self._command_s.labels(kind).observe(effect_s)

    def dead_air(self, stage: str) -> None:
        """A user waits too long, for this stage."""
        self._dead_air.labels(stage).inc()

    def recording_stopped(self, reason: str) -> None:
        """A recording stopped before its session."""
        self._recording_stops.labels(reason).inc()

    def watch_recordings(self, written_bytes: Callable[[], int]) -> None:
        """Show what was recorded: ``written_bytes`` is asked at every scrape."""

        def families() -> Iterator[Metric]:
            yield CounterMetricFamily("agentd_recording_bytes", "Written to recordings.", value=written_bytes())

        self.registry.register(_Asked(families))

    def loop_lag(self, seconds: float) -> None:
        """The loop ran something so much later than it was due."""
        self._lag.observe(seconds)

    def http_request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """A response is complete; ``route`` is the template, never the path."""
        self._http_s.labels(method if method in HTTP_METHODS else "other", route, str(status)).observe(duration_s)

    def limit_reached(self, limit: str) -> None:
        """A limit of the door was reached and something was turned away: a key of ``[limits]``."""
        self._limits.labels(limit if limit in LIMITS else "other").inc()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Body and content type for an ``Accept`` header: Prometheus text, or OpenMetrics when asked for."""
        encoder, content_type = exposition.choose_encoder(accept)
        return encoder(self.registry), content_type


class _Asked:
    """A collector whose families are made at scrape time."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()

    def describe(self) -> list[Metric]:
        return []
