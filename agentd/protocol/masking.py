"""Settings for eyes that may not see secrets: keys, credentials and what hides in URLs replaced by ``***``."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MASK: Final = "***"

_SECRET: Final = frozenset(
    {"api_key", "apikey", "authorization", "credentials", "headers", "key", "password", "secret", "secret_access_key", "token"}
)


def masked(settings: dict[str, Any]) -> dict[str, Any]:
    """The document with header values, credentials and the private parts of URLs replaced.

    Function parameters are left alone: they are JSON schemas, where ``headers`` or ``token`` is only a name.
    """
    return {key: _masked(key, value) for key, value in settings.items()}


def _masked(key: str, value: Any) -> Any:
    if value is None or key == "parameters":
        return value
    if key.lower() in _SECRET:
        return dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [_masked("", item) for item in value]
    if key in ("url", "endpoint") and isinstance(value, str):
        return _masked_url(value)
    return value


def _masked_url(url: str) -> str:
    """The URL without user info and without the values of its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    place = parts.netloc.rpartition("@")[2]
    query = urlencode([(name, MASK) for name, _ in parse_qsl(parts.query, keep_blank_values=True)], safe="*")
    return urlunsplit((parts.scheme, f"{MASK}@{place}" if "@" in parts.netloc else place, parts.path, query, ""))
