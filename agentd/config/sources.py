"""Reads the settings: options, then the environment, then ``config.toml``, then the credential; the first one wins.

Each place is a source of pydantic-settings, which merges them.
"""

import os
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import InitSettingsSource

from agentd.config.environment import EnvironmentSource
from agentd.config.faults import explain
from agentd.config.file import FileSource
from agentd.config.key import CredentialSource, VariableSource
from agentd.config.sections import Settings
from agentd.config.shape import Origins
from agentd.errors import ConfigError, FieldError

DEFAULT_FILES: Final = (Path("config.toml"), Path("/etc/agentd/config.toml"))


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in effect.

    Args:
        path: the configuration file; ``None`` takes ``./config.toml``, else ``/etc/agentd/config.toml``, else defaults.
        overrides: a nested document from command line options, which wins over everything; ``None`` values are ignored.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, a value that does not fit. Names each fault.
    """
    file = path if path is not None else next((candidate for candidate in DEFAULT_FILES if candidate.is_file()), None)
    files = () if file is None else (FileSource(file),)
    options, environment = OptionSource(overrides or {}), EnvironmentSource(os.environ)
    variable, credential = VariableSource(os.environ), CredentialSource(os.environ)
    try:
        settings = Settings(_build_sources=((options, environment, variable, *files, credential), {}))
    except ValidationError as error:
        origins = ChainMap(options.origins, environment.origins, variable.origins, credential.origins)
        # The chain is cut: pydantic's own text holds the input, which may be a key.
        lines = files[0].lines if files else None
        raise explain(error, origins, None if file is None else str(file), lines) from None
    _require_default_agent(settings)
    return settings


class OptionSource(InitSettingsSource):
    """What the command line says: only the options that somebody gave."""

    def __init__(self, overrides: Mapping[str, Any]) -> None:
        given = _given(overrides)
        super().__init__(Settings, given)
        self.origins: Origins = _origins(given, ())


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without ``None``, and without tables that are empty for it."""
    given: dict[str, Any] = {}
    for key, value in options.items():
        kept = _given(value) if isinstance(value, Mapping) else value
        if kept is not None and kept != {}:
            given[key] = kept
    return given


def _origins(options: Mapping[str, Any], path: tuple[str, ...]) -> Origins:
    origins: Origins = {}
    for key, value in options.items():
        if isinstance(value, Mapping):
            origins |= _origins(value, (*path, key))
        else:
            origins[*path, key] = f"--{key.replace('_', '-')}"
    return origins


def _require_default_agent(settings: Settings) -> None:
    """A default somebody chose must exist; ``home`` and ``passthrough`` do without a profile in the file."""
    chosen = "default_agent" in settings.model_fields_set
    if chosen and settings.default_agent not in {*settings.agents, "home", "passthrough"}:
        names = ", ".join(sorted(settings.agents)) or "none yet"
        detail = f"default_agent: there is no [agents.{settings.default_agent}]; defined: {names}."
        raise ConfigError(detail, errors=[FieldError("/default_agent", "no such profile")])
