"""Writes TOML values: the standard library only reads them."""

import json
import re
from pathlib import Path
from typing import Any, Final

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def toml_key(key: str) -> str:
    """The key, quoted where it must be."""
    return key if _BARE_KEY.match(key) else json.dumps(key, ensure_ascii=False)


def toml_value(value: Any) -> str:
    """The value on one line: text, numbers, booleans, paths, lists and inline tables.

    JSON's escapes are a subset of those of TOML's basic strings.
    """
    if isinstance(value, bool | str | Path):
        return json.dumps(value if isinstance(value, bool) else str(value), ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return repr(value)
