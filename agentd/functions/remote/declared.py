"""What the tables of the configuration that declare functions have in common."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from agentd.config.functions import DeclaredTable, OptionTable, Text
from agentd.functions.options import Options
from agentd.functions.registry import FunctionSpec, Kind
from agentd.functions.remote.credentials import CredentialMissing, Credentials, without
from agentd.functions.remote.references import SchemaFault
from agentd.functions.results import content
from agentd.functions.workers.wire import Reply
from agentd.protocol.origins import CONFIG_KEY, origin_of


class Unusable(Exception):
    """A table that cannot be used; the text says why."""


FAULTS = (Unusable, SchemaFault, CredentialMissing)
"""What keeps the functions of a table away, and nothing else."""


def place_of(kind: Kind, name: str) -> str:
    """The table, as people write it."""
    return f"[functions.{kind}.{name}]"


def spec_of(kind: Kind, name: str, table: DeclaredTable, parameters: dict[str, object]) -> FunctionSpec:
    """The function that a table describes.

    Args:
        parameters: JSON Schema of the arguments, without references.
    """
    return FunctionSpec(
        name=name,
        description=table.description,
        parameters=parameters,
        tier=table.tier,
        timeout_s=table.timeout_s,
        place=place_of(kind, name),
        examples=table.examples,
        kind=kind,
        options=options_of(table),
    )


def options_of(table: OptionTable) -> Options:
    """The options that a table sets."""
    return Options(
        cancel_on_barge_in=table.cancel_on_barge_in,
        filler=(table.filler,) if isinstance(table.filler, str) else table.filler,
        filler_after_s=table.filler_after_s,
        on_duplicate=table.on_duplicate,
        per_minute=table.per_minute,
        untrusted_output=table.untrusted_output,
        background=table.background,
        result=table.say,
    )


def require_allowed(url: str, allowed_endpoints: Collection[str]) -> None:
    """Refuse an address whose origin the operator did not list.

    Raises:
        Unusable: it is not in ``[security] allowed_endpoints``.
    """
    origin = origin_of(url)
    if origin is None:
        raise Unusable(f"url does not begin with a plain origin, such as https://api.example.org, for {CONFIG_KEY}")
    if origin not in {origin_of(entry) for entry in allowed_endpoints}:
        raise Unusable(f"{origin} is not in {CONFIG_KEY}; add it there if the daemon may call it")


def headers_of(table: Mapping[str, Text], credentials: Credentials) -> dict[str, str]:
    """The headers with their credentials. Blocking: small files.

    Raises:
        CredentialMissing: one cannot be had.
        Unusable: one does not fit into a header.
    """
    headers: dict[str, str] = credentials.resolve(table)
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise Unusable(f"the credential of the header {name} holds characters that no header has")
    return headers


def delivered(reply: Reply, secrets: Collection[str], *, limit_bytes: int) -> Reply:
    """What somebody else answered, as a result: without our credentials, and as text that is cut where it is too large.

    Args:
        secrets: what they were given.
        limit_bytes: of a result (``limits.function_result_bytes``).
    """
    try:
        text = content(reply.value, limit_bytes + 1)
    except orjson.JSONEncodeError:
        return Reply("error", "The answer is nested too deep to be read; whether the call had an effect is unknown.")
    value: Any = reply.value
    if secrets:
        value = without(value, secrets)
        text = content(value, limit_bytes + 1)
    return Reply(reply.outcome, value if len(text.encode()) <= limit_bytes else content(value, limit_bytes))
