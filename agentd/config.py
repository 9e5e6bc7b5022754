"""Settings: defaults here, then ``config.toml``, then ``AGENTD_<SECTION>__<KEY>``; unknown keys are errors.

Every section is frozen and handed down by itself: a component gets ``ServerSettings``, never the whole.
``config.toml`` in the project's root lists every key with its default; a test keeps the two equal.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agentd.errors import ConfigError

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def default_state_dir() -> Path:
    """``$STATE_DIRECTORY`` (systemd), else ``$XDG_STATE_HOME/agentd``, else ``~/.local/state/agentd``."""
    from_systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if from_systemd:
        return Path(from_systemd)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "agentd"


class Section(BaseModel):
    """A part of the settings: immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8690, ge=0, le=65535)
    unix_socket: Path | None = None
    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    allow_plain_http: bool = False


class PathSettings(Section):
    state_dir: Path = Field(default_factory=default_state_dir)
    functions_dir: Path = Path("functions")

    @field_validator("state_dir", "functions_dir")
    @classmethod
    def _home(cls, value: Path) -> Path:
        return value.expanduser()


class DeepgramSettings(Section):
    api_key: SecretStr | None = None
    agent_url: str = "wss://agent.deepgram.com"
    rest_url: str = "https://api.deepgram.com"
    proxy: str | None = None
    max_sessions: Count = 45
    transport: Literal["picows", "sdk"] = "picows"


class EngineSettings(Section):
    mode: Literal["auto", "always", "never"] = "auto"
    max_sessions: Count = 16
    endpointing_ms: int = Field(default=500, ge=100, le=5000)
    barge_in_ms: int = Field(default=300, ge=0, le=5000)
    idle_timeout_s: Seconds = 15.0
    max_session_s: Seconds = 7200.0
    function_timeout_s: Seconds = 60.0
    threads: int = Field(default=2, ge=1, le=64)


class SecuritySettings(Section):
    allowed_endpoints: tuple[str, ...] = ()


class AgentProfile(Section):
    """One ``[agents.<name>]``: a Settings fragment with short forms for what everybody sets."""

    upstream: Literal["auto", "deepgram", "engine"] = "auto"
    prompt: str | None = None
    greeting: str | None = None
    functions: tuple[str, ...] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class LimitSettings(Section):
    sessions: Count = 50
    starts_per_minute: Count = 300
    turn_s: Seconds = 60.0
    idle_timeout_s: Seconds = 600.0
    max_duration_s: Seconds = 7200.0
    ended_sessions: Count = 200
    connections: Count = 2000
    connections_per_token: Count = 64
    header_line_bytes: Count = 8192
    headers: Count = 64
    request_read_s: Seconds = 10.0
    json_body_bytes: Count = 262_144
    json_depth: Count = 32
    prompt_chars: Count = 25_000
    message_chars: Count = 4_000
    audio_body_bytes: Count = 26_214_400
    audio_body_s: Seconds = 600.0
    audio_stall_s: Seconds = 10.0
    audio_queue: int = Field(default=4, ge=0, le=64)
    auth_failures_per_minute: Count = 10
    event_ring: Count = 1000
    event_ring_bytes: Count = 262_144
    subscriber_queue: Count = 256
    subscriber_queue_bytes: Count = 1_048_576
    sse_clients: Count = 1000
    sse_ping_s: Seconds = 15.0
    sse_stall_s: Seconds = 10.0
    ws_message_bytes: Count = 65_536
    ws_heartbeat_s: Seconds = 20.0
    upstream_connect_s: Seconds = 10.0
    upstream_settings_s: Seconds = 5.0
    upstream_ping_s: Seconds = 5.0
    upstream_pong_s: Seconds = 3.0
    upstream_frame_bytes: Count = 16_777_216
    upstream_audio_queue_s: Seconds = 2.0
    renewal_s: Seconds = 10.0
    playback_s: Seconds = 30.0
    commands: Count = 16
    function_calls_per_session: Count = 4
    function_calls: Count = 16
    function_args_bytes: Count = 16_384
    function_result_bytes: Count = 16_384
    function_log_bytes: Count = 8_192
    function_memory_bytes: Count = 536_870_912
    function_worker_calls: Count = 1_000
    shutdown_s: Seconds = 10.0


class StoreSettings(Section):
    pass


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    transcripts: bool = False


class Settings(BaseSettings):
    """Everything the daemon can be told. Build it with ``load``."""

    model_config = SettingsConfigDict(
        env_prefix="AGENTD_", env_nested_delimiter="__", extra="forbid", frozen=True, nested_model_default_partial_update=True
    )

    server: ServerSettings = ServerSettings()
    paths: PathSettings = Field(default_factory=PathSettings)
    deepgram: DeepgramSettings = DeepgramSettings()
    engine: EngineSettings = EngineSettings()
    security: SecuritySettings = SecuritySettings()
    default_agent: str = "home"
    agents: dict[str, AgentProfile] = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    store: StoreSettings = StoreSettings()
    log: LogSettings = LogSettings()
    functions: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(  # noqa: D102 - the order is the module's docstring: environment over file
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings
