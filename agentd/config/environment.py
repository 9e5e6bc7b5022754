"""``AGENTD_<SECTION>__<KEY>``: the same keys from the environment.

A text is read by the type of its key: a string stays as it is, a list is written as in TOML (``["a", "b"]``) or with
commas, free-form values (``[functions.*]``, ``settings``) as in TOML.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, Final

from agentd.config.sections import Settings
from agentd.config.shape import annotation_at, is_section, kinds
from agentd.errors import ConfigError, FieldError

PREFIX: Final = "AGENTD_"

Origins = dict[tuple[str, ...], str]
"""Where a path was set, for messages: the variable, the option; a path that is not here came from the file."""


def from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], Origins]:
    """The settings named in ``environ`` as a nested document, and the variable each path came from.

    Raises:
        ConfigError: a name that is no setting, or two that contradict each other.
    """
    document: dict[str, Any] = {}
    origins: Origins = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path[0] not in Settings.model_fields or "" in path:
            raise _unknown(name)
        node = document
        for segment in path[:-1]:
            node = node.setdefault(segment, {})
            if not isinstance(node, dict):
                raise _contradiction(name)
        node[path[-1]] = _value(environ[name], path)
        origins[path] = name
    return document, origins


def _value(text: str, path: tuple[str, ...]) -> Any:
    annotation = annotation_at(path)
    found = kinds(annotation)
    if tuple in found and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if found & {tuple, dict, Any} or is_section(annotation):
        return _toml(text)
    return text


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _unknown(name: str) -> ConfigError:
    sections = ", ".join(sorted(key.upper() for key in Settings.model_fields))
    return ConfigError(
        f"environment variable {name} is not a setting. Names are {PREFIX}<SECTION>__<KEY> with two underscores, "
        f"such as {PREFIX}SERVER__PORT; sections: {sections}. Correct its name or unset it.",
        errors=[FieldError(f"/{name}", "not a setting")],
    )


def _contradiction(name: str) -> ConfigError:
    return ConfigError(
        f"environment variable {name} sets one key of a table that another variable sets whole; keep one of the two.",
        errors=[FieldError(f"/{name}", "set twice")],
    )
