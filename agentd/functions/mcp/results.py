"""What a tool answered, as a result for the model: words and data; pictures and sound are named, not sent."""

from typing import Any, Final

import mcp_types as types
import orjson

MAX_ERROR_CHARS: Final = 500

_BLOCKS: Final = frozenset({"text", "image", "audio", "resource_link", "resource"})
"""MCP, "ContentBlock"."""


def value_of(result: types.CallToolResult) -> Any:
    """The JSON value of a result: its structured content, else its texts.

    Servers wrap a plain value as ``{"result": value}``, because structured content must be an object; some wrap the very
    blocks of the content, pictures and all.
    """
    structured = result.structured_content
    if isinstance(structured, dict):
        value = structured["result"] if structured.keys() == {"result"} else structured
        if not (result.content and _is_content(value)):
            return value
    parts = [_told(block) for block in result.content]
    return "\n".join(parts) if parts else None


def error_of(result: types.CallToolResult) -> str:
    """The words of a result that is an error, or else its structured content."""
    text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent)).strip()
    if not text and result.structured_content:
        text = orjson.dumps(value_of(result)).decode()
    return (text or "it failed and did not say why")[:MAX_ERROR_CHARS]


def _told(block: types.ContentBlock) -> str:
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent() | types.AudioContent():
            return _named(block.mime_type, block.data)
        case types.ResourceLink():
            return f"[{block.name[:80]}: {str(block.uri)[:200]}]"
        case types.EmbeddedResource(resource=types.TextResourceContents() as resource):
            return resource.text
        case types.EmbeddedResource():
            return f"[{str(block.resource.uri)[:200]}, which cannot be shown]"


def _named(mime_type: str, base64: str) -> str:
    return f"[{mime_type[:80]}, about {len(base64) * 3 // 4} bytes, which cannot be shown]"


def _is_content(value: Any) -> bool:
    """Whether a JSON value is a block of content, or some of them, again."""
    blocks = value if isinstance(value, list) else [value]
    return bool(blocks) and all(isinstance(block, dict) and block.get("type") in _BLOCKS for block in blocks)
