"""From what a server tells of its tools to functions: names fit for models, bounded texts, the operator's tiers."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agentd.config import LimitSettings
from agentd.config.functions import FUNCTION_NAME, McpTable, OptionTable, Tier, ToolTable
from agentd.functions.mcp.reach import Told
from agentd.functions.registry import FunctionSpec
from agentd.functions.remote.arguments import Arguments
from agentd.functions.remote.declared import options_of, place_of
from agentd.functions.remote.references import SchemaFault

INNER_CHARS: Final = 300
"""Of a text inside a schema: descriptions of arguments."""
NAME_CHARS: Final = 48

_TEXTS: Final = frozenset({"description", "title", "$comment"})
_OPTIONS: Final = frozenset(OptionTable.model_fields)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a function.

    Attributes:
        name: the server's own.
        fingerprint: of everything that the server tells of it; another one is another tool under an old name.
    """

    name: str
    spec: FunctionSpec
    reader: Arguments
    fingerprint: str


def selected(table: McpTable) -> Mapping[str, Tier | ToolTable] | None:
    """The tools that the operator lists, with their tiers; None for all."""
    if table.tools == "all":
        return None
    if isinstance(table.tools, tuple):
        return dict.fromkeys(table.tools, "high")
    return table.tools


def as_function(server: str, table: McpTable, told: Told, limits: LimitSettings, *, changed: bool) -> Tool:
    """The function that a tool becomes.

    Args:
        changed: it is not what it was when it was first listed: tier high, whatever the table says.

    Raises:
        SchemaFault: its arguments cannot be described, or it cannot be called as functions are.
    """
    if told.as_task:
        raise SchemaFault("it is called as a task alone (taskSupport), which functions are not")
    if len(orjson.dumps(told.input_schema, default=str)) > limits.mcp_schema_bytes:
        raise SchemaFault(f"its schema has more than {limits.mcp_schema_bytes} bytes (limits.mcp_schema_bytes)")
    reader = Arguments(_shortened(told.input_schema))
    mine = (selected(table) or {}).get(told.name, "high")
    own = mine if isinstance(mine, ToolTable) else ToolTable(tier=mine)
    # What the tool's own table leaves out is as the server's has it.
    options = {name: getattr(own if name in own.model_fields_set else table, name) for name in _OPTIONS}
    effective = OptionTable(**options)
    spec = FunctionSpec(
        name=fit(table.prefix + told.name),
        description=clean(told.description or told.title or told.name, limits.mcp_description_chars),
        parameters=reader.parameters,
        tier="high" if changed else own.tier,
        timeout_s=effective.timeout_s,
        place=place_of("mcp", server),
        examples=effective.examples,
        kind="mcp",
        server=server,
        options=options_of(effective),
    )
    return Tool(told.name, spec, reader, fingerprint(told))


def fingerprint(told: Told) -> str:
    """A hash of what the server tells of a tool."""
    text = orjson.dumps([told.name, told.title, told.description, told.input_schema], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()


def fit(name: str) -> str:
    """A name as functions have them: ``getWeather`` and ``get-weather`` become ``get_weather``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:NAME_CHARS].rstrip("_")
    return plain if FUNCTION_NAME.match(plain) else f"tool_{plain}"[:NAME_CHARS].rstrip("_")


def clean(text: str, limit: int) -> str:
    """Words of a stranger for a model: one line, nothing invisible, cut."""
    visible = "".join(character for character in text if character.isprintable() or character.isspace())
    line = " ".join(visible.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _shortened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its texts cut. Its size is bounded already, so is the depth that JSON of it was read with."""

    def members(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, value in node.items():
            yield key, clean(value, INNER_CHARS) if key in _TEXTS and isinstance(value, str) else value_of(value)

    def value_of(node: Any) -> Any:
        if isinstance(node, Mapping):
            return dict(members(node))
        return [value_of(item) for item in node] if isinstance(node, list) else node

    return dict(members(schema))
