"""``AGENTD_<SECTION>__<KEY>``: the same keys from the environment.

pydantic-settings takes the names apart; what differs here is how a text is read. A string stays as it is, a list is
written as in TOML (``["a", "b"]``) or with commas, tables and free-form values (``[functions.*]``, ``settings``) as in
TOML. A name that is no setting is an error.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from agentd.config.sections import Settings
from agentd.config.shape import Origins, annotation_at, kinds
from agentd.errors import ConfigError, FieldError

PREFIX: Final = Settings.model_config["env_prefix"]
SEPARATOR: Final = Settings.model_config["env_nested_delimiter"] or ""


class EnvironmentSource(EnvSettingsSource):
    """The settings that variables name.

    Attributes:
        origins: the variable that each path came from.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Settings, case_sensitive=False)
        # Sorted: a table comes before its keys, whatever the order of the environment.
        names = sorted(name for name in environ if name.startswith(PREFIX))
        self.origins: Origins = {tuple(name.removeprefix(PREFIX).lower().split(SEPARATOR)): name for name in names}
        self.env_vars = {
            # The library hands an empty text on as it is; for a list it means an empty list.
            name.lower(): environ[name] or ("[]" if tuple in kinds(annotation_at(path)) else "")
            for path, name in self.origins.items()
        }

    def __call__(self) -> dict[str, Any]:
        """The variables as a nested document.

        Raises:
            ConfigError: a name that is no setting, or two that contradict each other.
        """
        document = super().__call__()
        for path, name in self.origins.items():
            # The library passes over what it cannot place: a variable that did not arrive was written in vain.
            if "" in path or not _holds(document, path):
                raise _contradiction(name) if self._set_whole(path) else _unknown(name)
        return document

    def next_field(self, field: FieldInfo | Any | None, key: str, case_sensitive: bool | None = None) -> FieldInfo | None:  # noqa: FBT001 - the library's signature
        """The type under ``key``. The library keeps texts whose type is ``Any``; without a type it decodes them."""
        found: Any = super().next_field(field, key, case_sensitive)
        return None if found is Any else found

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        """A list or table from its text, a free-form value (no field) from TOML.

        A text that is none of them stays one: the validation names its place, the library would only name the section.
        """
        if field is not None and tuple in kinds(field.annotation) and not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            (decoded,) = tomllib.loads(f"value = {value}").values()
        except ValueError:
            return value
        return decoded

    def _set_whole(self, path: tuple[str, ...]) -> bool:
        return any(path[:end] in self.origins for end in range(1, len(path)))


def _holds(document: Any, path: tuple[str, ...]) -> bool:
    for segment in path:
        if not isinstance(document, dict) or segment not in document:
            return False
        document = document[segment]
    return True


def _unknown(name: str) -> ConfigError:
    sections = ", ".join(sorted(key.upper() for key in Settings.model_fields))
    return ConfigError(
        f"environment variable {name} is not a setting. Names are {PREFIX}<SECTION>{SEPARATOR}<KEY> with two underscores, "
        f"such as {PREFIX}SERVER{SEPARATOR}PORT; sections: {sections}. Correct its name or unset it.",
        errors=[FieldError(f"/{name}", "not a setting")],
    )


def _contradiction(name: str) -> ConfigError:
    return ConfigError(
        f"environment variable {name} sets one key of a table that another variable sets whole; keep one of the two.",
        errors=[FieldError(f"/{name}", "set twice")],
    )
