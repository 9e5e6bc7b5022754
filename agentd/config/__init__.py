"""Settings: defaults in code, then ``config.toml``, then ``AGENTD_<SECTION>__<KEY>``; unknown keys are errors.

Every section is frozen and handed down by itself: a component gets ``ServerSettings``, never the whole.
``config.toml`` in the project's root lists every key with its default; a test keeps the two equal.
"""

from agentd.config.changes import Changes, changes
from agentd.config.sections import (
    AgentProfile,
    DeepgramSettings,
    EngineSettings,
    LimitSettings,
    LogSettings,
    PathSettings,
    RecogniserName,
    Section,
    SecuritySettings,
    ServerSettings,
    Settings,
    StoreSettings,
    default_state_dir,
    is_loopback,
)
from agentd.config.sources import load

__all__ = [
    "AgentProfile",
    "Changes",
    "DeepgramSettings",
    "EngineSettings",
    "LimitSettings",
    "LogSettings",
    "PathSettings",
    "RecogniserName",
    "Section",
    "SecuritySettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "changes",
    "default_state_dir",
    "is_loopback",
    "load",
]
