"""What can be set: one frozen section per component, every key with its default.

The text under a key is its comment in ``config.toml`` (``agentd.config.reference`` writes it there), so a key is
described once. Durations end in ``_s`` or ``_ms``, sizes in ``_bytes``.
"""

import os
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agentd.config.functions import FreeTables
from agentd.ids import is_session_id

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
RecogniserName = Literal["moonshine", "vote", "whisper"]


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    return host in ("::1", "localhost") or host.startswith("127.")


def default_state_dir() -> Path:
    """``$STATE_DIRECTORY`` (systemd), else ``$XDG_STATE_HOME/agentd``, else ``~/.local/state/agentd``."""
    from_systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if from_systemd:
        return Path(from_systemd)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "agentd"


def _host_name(value: str) -> str:
    """A Host header value; exact, because a pattern is how DNS rebinding gets in."""
    host = value.strip().lower()
    if "*" in host or host.startswith("."):
        raise ValueError(f"{value!r}: names are exact here, without wildcards; list each one")
    if not host or "/" in host or " " in host or not host.isascii() or not host.isprintable():
        raise ValueError(f'{value!r} is no Host header value; write a name with its port, such as "voice.example.org:8690"')
    return host


def _origin(value: str) -> str:
    """A web origin (RFC 6454): scheme, host, port."""
    origin = value.strip().lower().rstrip("/")
    if "*" in origin or origin == "null":
        raise ValueError(f"{value!r}: origins are exact here, without wildcards or null; list each one")
    parts = urlsplit(origin)
    if not parts.scheme or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError(f'{value!r} is no origin; write scheme and host, such as "https://home.example.org"')
    return origin


def _proxy(value: str) -> str:
    """A reverse proxy: an address, a network, or ``unix``."""
    if value == "unix":
        return value
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f'{value!r} is no address or network, such as "10.0.0.2" or "10.0.0.0/24", nor "unix"') from None
    if network.prefixlen == 0:
        raise ValueError(f"{value!r} is everybody; list the proxies themselves")
    return value


def _time_span(value: str) -> str:
    """A span of the day, possibly over midnight."""
    parts = value.replace(" ", "").split("-")
    try:
        start, end = (time.fromisoformat(part) for part in parts)
    except ValueError:
        raise ValueError(f'{value!r} is no span of the day, such as "22:00-07:00"') from None
    if start == end or start.tzinfo or end.tzinfo:
        raise ValueError(f'{value!r} is no span of the day, such as "22:00-07:00"')
    return value


HostName = Annotated[str, AfterValidator(_host_name)]
TimeSpan = Annotated[str, AfterValidator(_time_span)]
Origin = Annotated[str, AfterValidator(_origin)]
Proxy = Annotated[str, AfterValidator(_proxy)]


class Section(BaseModel):
    """A part of the settings: immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    """Where the control API listens, and whom it answers."""

    host: str = "127.0.0.1"
    """Address to listen on; "localhost" is both 127.0.0.1 and ::1. Beyond loopback it needs TLS, a proxy, or allow_plain_http."""
    port: int = Field(default=8690, ge=0, le=65535)
    """TCP port; 0 picks a free one. The bound address is logged and written to <state_dir>/agentd.url."""
    unix_socket: Path | None = Field(default=None, examples=["/run/agentd/agentd.sock"])
    """Also serve on this Unix socket, guarded by its file mode (0660) and by the token."""
    unix_socket_group: str | None = Field(default=None, examples=["agentd"])
    """The group that may connect to it; the daemon's own otherwise."""
    public_url: str | None = Field(default=None, examples=["https://voice.example.org"])
    """How others reach the daemon; its host is added to allowed_hosts, its origin to allowed_origins."""
    allowed_hosts: tuple[HostName, ...] = ()
    """Further names accepted in the Host header, exactly as sent, such as "voice.example.org" or "192.168.1.5:8690"."""
    allowed_origins: tuple[Origin, ...] = ()
    """Web origins accepted besides the daemon's own, such as "https://home.example.org"."""
    tls_cert: Path | None = Field(default=None, examples=["/etc/agentd/tls/cert.pem"])
    """Certificate chain (PEM) for HTTPS, TLS 1.2 or newer. Needs tls_key. SIGHUP reads both again."""
    tls_key: Path | None = Field(default=None, examples=["/etc/agentd/tls/key.pem"])
    """Private key (PEM) of tls_cert, not readable by everybody."""
    trusted_proxies: tuple[Proxy, ...] = ()
    """Reverse proxies that terminate TLS, such as "10.0.0.2", "10.0.0.0/24", or "unix"; X-Forwarded-* counts from them alone."""
    allow_plain_http: bool = False
    """Listen beyond loopback without TLS: tokens and words then cross the network in the clear. Warns at start."""

    @property
    def proxies_only(self) -> bool:
        """True when nothing else protects what comes from other machines: neither our TLS nor somebody's word for it."""
        return bool(self.trusted_proxies) and self.tls_cert is None and not self.allow_plain_http

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        return value if value is None else _origin(value)

    @model_validator(mode="after")
    def _plain_http_only_on_purpose(self) -> "ServerSettings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together; set both or neither")
        proxies = set(self.trusted_proxies) - {"unix"}
        guarded = self.tls_cert is not None or bool(proxies) or self.allow_plain_http
        if not is_loopback(self.host) and not guarded:
            raise ValueError(
                f"host {self.host!r} is reachable from other machines: set tls_cert and tls_key, "
                "or trusted_proxies, or allow_plain_http = true (tokens then travel in the clear)"
            )
        return self


class PathSettings(Section):
    """Folders. A relative path is taken from the folder of the file that sets it."""

    state_dir: Path = Field(default_factory=default_state_dir, examples=["/var/lib/agentd"])
    """Tokens, stored values, recordings. Default: $STATE_DIRECTORY, else $XDG_STATE_HOME/agentd, else ~/.local/state/agentd."""
    functions_dir: Path = Path("functions")
    """Your function handlers, one Python file per subject."""
    watch_functions: bool = False
    """Load the handlers anew whenever a file changes, as `agentd serve --watch` does: for writing them, not for a service."""

    @field_validator("state_dir", "functions_dir")
    @classmethod
    def _home(cls, value: Path) -> Path:
        return value.expanduser()


class DeepgramSettings(Section):
    """The hosted upstream. Without a key, conversations run on the embedded engine."""

    api_key: SecretStr | None = Field(default=None, examples=["your key"])
    """API key. DEEPGRAM_API_KEY and the systemd credential deepgram-api-key work too, and stay out of this file."""
    agent_url: str = "wss://agent.deepgram.com"
    """Base of the Voice Agent WebSocket."""
    rest_url: str = "https://api.deepgram.com"
    """Base of the REST API."""
    proxy: str | None = Field(default=None, examples=["http://proxy.example.org:3128"])
    """HTTP proxy for both."""
    max_sessions: Count = 45
    """Most sessions at once; your plan's own limit is what counts upstream."""
    transport: Literal["picows", "sdk"] = "picows"
    """Socket under the Deepgram SDK: "picows" (ours, fast) or "sdk" (the SDK's own)."""

    @field_validator("api_key")
    @classmethod
    def _key_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value is not None else ""
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("it holds characters that no key has (spaces, line breaks); copy it again.")
        return SecretStr(key) if key else None

    @field_validator("agent_url")
    @classmethod
    def _websocket_url(cls, value: str) -> str:
        if not value.startswith(("ws://", "wss://")):
            raise ValueError('it must be a WebSocket base URL, such as "wss://agent.deepgram.com"')
        return value.rstrip("/")

    @field_validator("rest_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError('it must be an HTTP base URL, such as "https://api.deepgram.com"')
        return value.rstrip("/")


class EngineSettings(Section):
    """The embedded, offline engine: its own process, started by the daemon."""

    mode: Literal["auto", "always", "never"] = "auto"
    """"auto": run it when there is no Deepgram key or a profile asks for it; "always"; "never"."""
    max_sessions: Count = 16
    """Most conversations at once; speech recognition and synthesis share the machine's cores."""
    recogniser: RecogniserName = "moonshine"
    """Speech recognition: "moonshine", or with the local-whisper extra "vote" (of both) or "whisper"."""
    endpointing_ms: int = Field(default=850, ge=100, le=5000)
    """Silence that ends an ordinary turn; a complete command waits a third of it."""
    barge_in_ms: int = Field(default=300, ge=0, le=5000)
    """Voiced speech that interrupts the agent, if it is neither a nod nor its echo."""
    audio_ahead_s: float = Field(default=1.0, ge=0.1, le=60.0)
    """How far agent audio is sent ahead of its playback; a barge-in wastes so much at most."""
    idle_timeout_s: Seconds = 15.0
    """A client that sends neither audio nor a message for so long is dropped."""
    max_session_s: Seconds = 7200.0
    """Longest connection; the daemon renews beyond it."""
    session_warning_s: float = Field(default=300.0, ge=0, allow_inf_nan=False)
    """The client is warned so long before that; 0 warns not at all."""
    function_timeout_s: Seconds = 60.0
    """How long the engine waits for the answer to a function call."""
    parallel_calls: bool = False
    """Several calls of a model in one FunctionCallRequest; many clients take only one each."""
    threads: int = Field(default=2, ge=1, le=64)
    """Threads for speech recognition and synthesis. More than cores makes speech start later."""
    allowed_hosts: tuple[HostName, ...] = ()
    """More names that `agentd engine` answers to, such as "engine.lan:8691"."""
    allowed_origins: tuple[Origin, ...] = ()
    """Web pages that may connect to `agentd engine`, by their origin, such as "http://localhost:3000"."""


class SecuritySettings(Section):
    """What conversations may reach."""

    allowed_endpoints: tuple[str, ...] = ()
    """Origins allowed for think, speak and function endpoints, such as "https://llm.example.org" or "http://127.0.0.1:11434"."""


class AgentProfile(Section):
    """One ``[agents.<name>]``: a Settings fragment with short forms for what everybody sets."""

    upstream: Literal["auto", "deepgram", "engine"] = "auto"
    """"auto": Deepgram when a key is set, else the engine."""
    prompt: str | None = None
    """What the agent is told about itself."""
    greeting: str | None = None
    """What it says first."""
    goodbye: str | None = None
    """What it says to who is still in a conversation when the daemon stops and drain_s is over."""
    functions: tuple[str, ...] | None = None
    """Names of the functions it may call; left out: every function that loaded. Those of tier high need allow_high too."""
    allow_high: tuple[str, ...] = ()
    """Functions of tier high that it may ask for; a person confirms each call on another device."""
    unconfirmed_high: tuple[str, ...] = ()
    """Those of allow_high that run without confirmation, until the conversation has been told something from outside."""
    high_callers: tuple[str, ...] = ()
    """Telephone numbers (metadata "caller") from which allow_high counts; from others nothing of tier high is called."""
    quiet_hours: tuple[TimeSpan, ...] = ()
    """Spans of the day (local time), such as "22:00-07:00", in which it calls nothing of the tiers medium and high."""
    argument_limits: dict[str, dict[str, tuple[Any, ...]]] = Field(default_factory=dict)
    """By function and argument: the only values the agent may give."""
    confirmation_text: str = "Please confirm this on your other device."
    """What it says while a call waits for its confirmation; empty: nothing."""
    hand_over: tuple[str, ...] = ()
    """Agents that a function may let the conversation go on with (`ctx.hand_over`); each lists its own."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Any part of the Voice Agent Settings message, such as agent.think.provider."""


class LimitSettings(Section):
    """Bounds. Reaching one is an answer or an event, never a crash."""

    sessions: Count = 50
    """Live sessions."""
    starts_per_minute: Count = 300
    """Session starts per token."""
    minutes_per_day: float = Field(default=600.0, ge=0, allow_inf_nan=False)
    """Minutes of connection to Deepgram a day (UTC), over all sessions; then they end, and starts are refused. 0: no limit."""
    turn_s: Seconds = 60.0
    """A turn that takes longer ends with outcome "timeout"."""
    dead_air_s: Seconds = 4.0
    """A user who waits so long and hears nothing of the agent is told of by the event `DeadAir`."""
    idle_timeout_s: Seconds = 600.0
    """A session without speech or command for so long ends: connection time is billed."""
    max_duration_s: Seconds = 7200.0
    """Longest session."""
    ended_sessions: Count = 200
    """Ended runs that stay readable in memory."""
    connections: Count = 2000
    """Open HTTP connections."""
    connections_per_token: Count = 64
    """Open connections per token."""
    header_line_bytes: Count = 8192
    """Longest header line, request line included."""
    headers: Count = 64
    """Most header fields in a request."""
    request_read_s: Seconds = 10.0
    """Time for headers and a JSON body to arrive; also how long an idle connection is kept."""
    json_body_bytes: Count = 262_144
    """Largest JSON body."""
    json_depth: Count = 32
    """Deepest nesting of a JSON body, and of the arguments and the result of a function call."""
    prompt_chars: Count = 25_000
    """Longest prompt; the upstream's own limit for its managed models."""
    message_chars: Count = 4_000
    """Longest injected text."""
    audio_body_bytes: Count = 26_214_400
    """Largest audio body that has a length, or is sent with pace=fast."""
    audio_body_s: Seconds = 600.0
    """Longest such recording."""
    audio_stall_s: Seconds = 10.0
    """A chunked audio body ends after so long without a byte."""
    audio_decoders: Count = 16
    """Compressed recordings (FLAC, Ogg, MP3, WebM …) that are decoded at once; each has a process of about 20 MB."""
    audio_queue: int = Field(default=4, ge=0, le=64)
    """Injections that wait for the one that is talking."""
    auth_failures_per_minute: Count = 10
    """Failed tokens per address before it is answered 429; a valid token always passes."""
    event_ring: Count = 1000
    """Events kept per run for resuming readers."""
    event_ring_bytes: Count = 262_144
    """Their size."""
    subscriber_queue: Count = 256
    """Events that wait for one slow reader before it is cut off."""
    subscriber_queue_bytes: Count = 1_048_576
    """Their size."""
    sse_clients: Count = 1000
    """Open event streams."""
    sse_ping_s: Seconds = 15.0
    """A comment line is sent so often on a quiet stream."""
    sse_stall_s: Seconds = 10.0
    """A reader that takes nothing for so long is cut off."""
    ws_message_bytes: Count = 65_536
    """Largest message on our own WebSocket; the compatible endpoint takes 1 MiB."""
    ws_heartbeat_s: Seconds = 20.0
    """Ping interval on our WebSockets."""
    ws_messages_per_second: Count = 50
    """Messages of one WebSocket client; those beyond have no effect and draw an Error, which ends a compatible client."""
    playback_buffer_s: Seconds = 120.0
    """Agent audio that waits for one listener before its oldest is dropped: upstreams send a reply faster than it plays."""
    client_function_s: Seconds = 10.0
    """Time a client of the compatible endpoint has to answer a call of its own function, as handlers have by default."""
    upstream_connect_s: Seconds = 10.0
    """Time for the upstream's handshake."""
    upstream_settings_s: Seconds = 5.0
    """Time for the upstream to accept the Settings."""
    upstream_ping_s: Seconds = 5.0
    """Ping interval on the upstream connection."""
    upstream_pong_s: Seconds = 3.0
    """An upstream that does not answer a ping for so long is taken as lost."""
    upstream_frame_bytes: Count = 16_777_216
    """Largest frame from the upstream."""
    upstream_audio_queue_s: Seconds = 2.0
    """Audio held for a slow upstream; then the oldest is dropped and counted."""
    renewal_s: Seconds = 10.0
    """How long a lost upstream connection is tried again."""
    turns_kept: int = Field(default=200, ge=50, le=100_000)
    """Turns of a session that stay readable in memory; a renewed connection is told the last 50."""
    turn_audio_s: Seconds = 30.0
    """Agent audio kept per session, to be fetched as WAV by turn; the oldest turns give way."""
    commands: Count = 16
    """Commands of one kind that wait in a session."""
    command_s: Seconds = 30.0
    """A command without visible effect for so long is told as such."""
    function_calls_per_session: Count = 4
    """Function calls at once in a session."""
    function_calls: Count = 16
    """Function calls at once in the daemon, one worker process each."""
    function_calls_per_minute: Count = 10
    """Calls of a function in a session within a minute; a function may declare its own number."""
    function_calls_per_turn: Count = 20
    """Function calls in a turn; then the model is told to stop and to tell the user."""
    function_repeats: Count = 3
    """Calls of a function with the same arguments in a turn; then the model is told to stop and to tell the user."""
    high_calls_per_hour: Count = 3
    """Calls of tier high, over all conversations with an agent, that run or are asked to be confirmed within an hour."""
    confirmation_s: Seconds = 30.0
    """How long a call of tier high waits for its confirmation."""
    confirmations: Count = 16
    """Calls that wait for a confirmation at once; one more is denied."""
    function_args_bytes: Count = 16_384
    """Largest arguments of a call."""
    function_result_bytes: Count = 16_384
    """Largest result of a call."""
    function_answer_bytes: Count = 1_048_576
    """Most that is read of what an HTTP service answers, and the longest message of an MCP server."""
    mcp_tools: Count = 64
    """Tools of one MCP server that are offered; those beyond are left out and named as a problem."""
    mcp_schema_bytes: Count = 16_384
    """Largest schema of a tool's arguments; a tool with a larger one is left out and named as a problem."""
    mcp_description_chars: Count = 1_000
    """What an agent is told of what an MCP server says about a tool; the rest is cut."""
    mcp_messages_per_s: Count = 200
    """Messages taken from one MCP server; what it sends faster waits."""
    mcp_bytes_per_s: Count = 2_097_152
    """Bytes taken from one MCP server."""
    mcp_look_s: Seconds = 30.0
    """An MCP server over HTTP is asked for its tools so often, which also tells whether it is still there."""
    mcp_retry_s: Seconds = 30.0
    """Longest wait until an MCP server that is down is tried again; the first are short."""
    function_connect_s: Seconds = 5.0
    """Time to connect to an HTTP service or an MCP server."""
    function_log_bytes: Count = 8_192
    """What is kept of a handler's output per call, and of what an MCP server writes to standard error per call."""
    function_log_lines: Count = 100
    """Lines that a handler may write with ctx.log per call; more are counted."""
    function_log_line_chars: int = Field(default=2_000, ge=1, le=65_536)
    """Longest such line; the rest is cut."""
    function_memory_bytes: Count = 536_870_912
    """Address space of a worker process, and of each that it starts."""
    function_processes: int = Field(default=32, ge=0, le=4_096)
    """Processes that a worker may have started and that run at the same time; one more ends them all."""
    function_worker_calls: Count = 1_000
    """A worker process is replaced after so many calls."""
    plans: int = Field(default=2_048, ge=1, le=65_536)
    """What handlers have planned with ctx.later, in all; beyond, what has waited longest for its session gives way."""
    plans_per_session: Count = 64
    """The same in one session; one more is refused."""
    plan_ahead_s: float = Field(default=31_622_400.0, gt=0, le=31_622_400)
    """How far ahead a handler may plan; at most a year."""
    plan_late_s: float = Field(default=86_400.0, gt=0, le=31_622_400)
    """What is planned and finds no session waits for one so long."""
    drain_s: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    """At SIGTERM a conversation that somebody is in may go on for so long; the others end with their turn. 0 cuts all short."""
    shutdown_s: Seconds = 10.0
    """Time for sessions to end when the daemon stops, after drain_s. systemd's TimeoutStopSec must be longer than both."""


class StoreSettings(Section):
    """What is kept on disk, in <state_dir>/store.db, and for how long."""

    transcripts: bool = True
    """Keep what was said, heard and passed to functions. Off: ended runs keep their times, usage and latencies, no words."""
    transcript_days: Days = 30.0
    """Words, turns and events of an ended run are deleted after so many days."""
    recording_days: Days = 7.0
    """Recordings are deleted after so many days."""
    run_days: Days = 365.0
    """What else is known of an ended run is deleted after so many days; sums of usage are kept."""
    audit_days: Days = 365.0
    """Lines of the audit are kept for so many days at least and for twice as many at most."""
    queue_rows: int = Field(default=10_000, ge=100, le=1_000_000)
    """Rows that wait for the disk, and lines of the audit; beyond that the oldest are dropped (events first) and counted."""
    batch_s: float = Field(default=0.05, gt=0, le=1.0)
    """How long rows are gathered for one commit: what a crash may cost. Commands, starts and ends wait for theirs."""

    record_audio: bool = False
    """Record every conversation whose start does not say otherwise (`record`); in many places people must be told."""
    recording_bytes_per_day: Count = 536_870_912
    """What may be recorded in a day (UTC); 24 kHz make 86 MB an hour."""
    recording_free_bytes: int = Field(default=1_073_741_824, ge=0)
    """Recording stops when the disk has less left."""


class LogSettings(Section):
    """Logging, on standard output."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """"auto": for people on a terminal, JSON lines otherwise."""
    transcripts: bool = False
    """Also log what was heard and said, at level debug, for an hour from the start. Off: no words in the log."""
    lines_per_s: Count = 10
    """Lines of one kind in a second (same event, session, route and status); the next one says how many were left out."""


class Settings(BaseSettings):
    """Everything the daemon can be told. ``load`` reads it; tests may build it directly."""

    # case_sensitive is for files and options: [SERVER] is an unknown key.
    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, case_sensitive=True, env_prefix="AGENTD_", env_nested_delimiter="__"
    )

    server: ServerSettings = ServerSettings()
    paths: PathSettings = Field(default_factory=PathSettings)
    deepgram: DeepgramSettings = DeepgramSettings()
    engine: EngineSettings = EngineSettings()
    security: SecuritySettings = SecuritySettings()
    default_agent: str = "home"
    """The profile of a session that names none."""
    agents: dict[str, AgentProfile] = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    store: StoreSettings = StoreSettings()
    log: LogSettings = LogSettings()
    functions: FreeTables = Field(default_factory=dict)

    @field_validator("agents")
    @classmethod
    def _names_fit_in_urls(cls, value: dict[str, AgentProfile]) -> dict[str, AgentProfile]:
        for name in value:
            if not is_session_id(name):
                raise ValueError(f"profile name {name!r}: use lower-case letters, digits, '-' and '_', at most 64")
        return value

    @model_validator(mode="after")
    def _successors_exist(self) -> "Settings":
        known = {*self.agents, self.default_agent}
        for name, profile in self.agents.items():
            unknown = [successor for successor in profile.hand_over if successor not in known]
            if unknown:
                raise ValueError(f"[agents.{name}] hand_over: there is no agent {unknown[0]!r}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Settings that are built directly hold what they are given; only ``load`` looks around."""
        return (init_settings,)
