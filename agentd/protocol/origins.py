"""Which addresses a Settings document may have called: origins the operator listed, and no others.

Whoever chooses a think or speak endpoint chooses where the conversation goes and what the machine connects to, so the list
is the operator's (docs/architecture.md, decision 8). Sessions and the engine judge by the same rule.
"""

import re
from collections.abc import Collection
from typing import Any, Final, Literal

from agentd.errors import FieldError
from agentd.protocol.reading import endpoints

CONFIG_KEY: Final = "[security] allowed_endpoints"

_DEFAULT_PORT: Final = {"http": "80", "ws": "80", "https": "443", "wss": "443"}

_URL: Final = re.compile(
    r"(?P<scheme>https?|wss?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?#]|\Z)",
    re.IGNORECASE | re.ASCII,
)
"""Only what every URL parser reads alike: no user info, backslash, escape or blank in front of the path, and names in their
ASCII form. A URL that one parser takes for one host and the next for another would pass here and go elsewhere."""


def origin_of(url: str) -> str | None:
    """``scheme://host:port`` in lower case, the scheme's own port filled in; None if the URL has none that is certain."""
    found = _URL.match(url)
    if found is None:
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"] or _DEFAULT_PORT[scheme])
    return f"{scheme}://{found['host'].lower()}:{port}"


def endpoint_faults(settings: dict[str, Any], allowed: Collection[str]) -> list[FieldError]:
    """A fault for each think and speak endpoint whose origin is not listed.

    Args:
        settings: a Settings document, whole or in part.
        allowed: the listed origins as the operator wrote them; what follows the port does not count.

    Returns:
        Faults with pointers into the document. They name the origin at most: paths and queries may carry keys.
    """
    origins = {origin_of(entry) for entry in allowed} - {None}
    faults = []
    for pointer, url in endpoints(settings):
        origin = origin_of(url)
        if origin is None:
            faults.append(
                FieldError(pointer, f"must begin with a plain origin, such as https://llm.example.org, for {CONFIG_KEY}")
            )
        elif origin not in origins:
            faults.append(FieldError(pointer, f"{origin} is not in {CONFIG_KEY}"))
    return faults


def update_endpoint_faults(
    kind: Literal["think", "speak"], block: dict[str, Any] | list[dict[str, Any]], allowed: Collection[str]
) -> list[FieldError]:
    """The same for the block of an UpdateThink or UpdateSpeak; pointers begin at the message, with ``/think`` or ``/speak``."""
    faults = endpoint_faults({"agent": {kind: block}}, allowed)
    return [FieldError(fault.pointer.removeprefix("/agent"), fault.detail) for fault in faults]
