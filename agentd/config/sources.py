"""Reads the settings: defaults, then ``config.toml``, then the environment, then command line options.

The Deepgram key may also come from ``DEEPGRAM_API_KEY`` or from the systemd credential ``deepgram-api-key``.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from agentd.config.environment import Origins, from_environment
from agentd.config.faults import explain
from agentd.config.sections import Settings
from agentd.errors import ConfigError, FieldError

DEFAULT_FILES: Final = (Path("config.toml"), Path("/etc/agentd/config.toml"))
KEY_VARIABLE: Final = "DEEPGRAM_API_KEY"
CREDENTIAL: Final = "deepgram-api-key"

_PATHS: Final = (
    ("paths", "state_dir"),
    ("paths", "functions_dir"),
    ("server", "unix_socket"),
    ("server", "tls_cert"),
    ("server", "tls_key"),
)


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in effect.

    Args:
        path: the configuration file; ``None`` takes ``./config.toml``, else ``/etc/agentd/config.toml``, else defaults.
        overrides: a nested document from command line options, which wins over everything; ``None`` values are ignored.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, a value that does not fit. Names each fault.
    """
    file = path if path is not None else next((candidate for candidate in DEFAULT_FILES if candidate.is_file()), None)
    document = _read(file) if file is not None else {}
    environment, origins = from_environment(os.environ)
    options = _given(overrides or {})
    _merge(document, environment)
    _merge(document, options)
    _mark_options(options, (), origins)
    _add_key(document, origins)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        # The chain is cut: pydantic's own text holds the input, which may be a key.
        raise explain(error, origins, str(file or "the defaults")) from None
    _require_default_agent(settings)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {file}: {error.strerror}; give its path with --config.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.") from error
    for section, key in _PATHS:
        table = document.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = file.parent / Path(table[key]).expanduser()
    return document


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options somebody gave: nested, without ``None`` and without tables that are empty for it."""
    given: dict[str, Any] = {}
    for key, value in options.items():
        kept = _given(value) if isinstance(value, Mapping) else value
        if kept is not None and kept != {}:
            given[key] = kept
    return given


def _merge(base: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _mark_options(options: Mapping[str, Any], path: tuple[str, ...], origins: Origins) -> None:
    for key, value in options.items():
        if isinstance(value, dict):
            _mark_options(value, (*path, key), origins)
        else:
            origins[(*path, key)] = f"--{key.replace('_', '-')}"


def _add_key(document: dict[str, Any], origins: Origins) -> None:
    """Environment before file before systemd credential; an empty value counts as none."""
    deepgram = document.setdefault("deepgram", {})
    if not isinstance(deepgram, dict):
        return
    place = ("deepgram", "api_key")
    from_variable = os.environ.get(KEY_VARIABLE, "").strip()
    if from_variable and place not in origins:
        deepgram["api_key"] = from_variable
        origins[place] = KEY_VARIABLE
    if not deepgram.get("api_key"):
        deepgram["api_key"] = _credential() or None
    key = deepgram["api_key"]
    if isinstance(key, str) and not (key.isascii() and key.isprintable() and " " not in key):
        where = origins.get(place, "the configuration file or credential")
        detail = f"deepgram.api_key in {where}: it holds characters that no key has (spaces, line breaks); copy it again."
        raise ConfigError(detail, errors=[FieldError("/deepgram/api_key", "not a key")])


def _credential() -> str:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return ""
    file = Path(directory) / CREDENTIAL
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the credential {file}: {type(error).__name__}; check LoadCredential in the unit."
        ) from error


def _require_default_agent(settings: Settings) -> None:
    """A default somebody chose must exist; ``home`` and ``passthrough`` do without a profile in the file."""
    chosen = "default_agent" in settings.model_fields_set
    if chosen and settings.default_agent not in {*settings.agents, "home", "passthrough"}:
        names = ", ".join(sorted(settings.agents)) or "none yet"
        detail = f"default_agent: there is no [agents.{settings.default_agent}]; defined: {names}."
        raise ConfigError(detail, errors=[FieldError("/default_agent", "no such profile")])
