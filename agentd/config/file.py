"""``config.toml``: read by pydantic-settings, with relative paths taken from the folder of the file."""

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic_settings import TomlConfigSettingsSource
from pydantic_settings.sources.types import ConfigFileSourceType

from agentd.config.lines import Lines, lines_of
from agentd.config.sections import Settings
from agentd.config.shape import is_section, kinds
from agentd.errors import ConfigError, FieldError


class FileSource(TomlConfigSettingsSource):
    """The settings in ``file``, which must be there: somebody named it, or it was found.

    Attributes:
        lines: where its keys stand.

    Raises:
        ConfigError: when made; the file cannot be read, is not text, or is not TOML.
    """

    def __init__(self, file: Path) -> None:
        self._folder = file.parent
        self.lines: Lines = {}
        super().__init__(Settings, file)

    @staticmethod
    def _existing_files(files: ConfigFileSourceType | None) -> list[Path | Traversable]:
        # The library passes over a path that is no regular file: a missing one, and the pipe of a shell's `<(command)`.
        return [files] if isinstance(files, Path) else []

    def _read_file(self, path: Path | Traversable) -> dict[str, Any]:
        try:
            text = path.read_text(encoding="utf-8")
            document = tomllib.loads(text)
        except OSError as error:
            raise ConfigError(
                f"cannot read the configuration file {path}: {error.strerror}; give its path with --config."
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not valid TOML: {error}.", errors=[FieldError("", str(error))]) from error
        self.lines = lines_of(text)
        for name, table in document.items():
            if name in Settings.model_fields and isinstance(table, dict):
                self._place_paths(table, Settings.model_fields[name].annotation)
        # An empty key is none: the credential that is asked next may hold one.
        if isinstance(deepgram := document.get("deepgram"), dict) and deepgram.get("api_key") == "":
            del deepgram["api_key"]
        return document

    def _place_paths(self, table: dict[str, Any], section: Any) -> None:
        for key, field in section.model_fields.items() if is_section(section) else ():
            if Path in kinds(field.annotation) and isinstance(table.get(key), str):
                table[key] = self._folder / Path(table[key]).expanduser()
