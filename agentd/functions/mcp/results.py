"""What a tool answered, as a result for the model: words and data; pictures and sound are named, not sent."""

from typing import Any, Final

import mcp_types as types

MAX_ERROR_CHARS: Final = 500


def value_of(result: types.CallToolResult) -> Any:
    """The JSON value of a result: its structured content, else its texts.

    Servers wrap a plain value as ``{"result": value}``, because structured content must be an object.
    """
    structured = result.structured_content
    if isinstance(structured, dict):
        return structured["result"] if structured.keys() == {"result"} else structured
    parts = [_told(block) for block in result.content]
    return "\n".join(parts) if parts else None


def error_of(result: types.CallToolResult) -> str:
    """The words of a result that is an error."""
    text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent)).strip()
    return (text or "it failed and did not say why")[:MAX_ERROR_CHARS]


def _told(block: types.ContentBlock) -> str:
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent() | types.AudioContent():
            return f"[{block.mime_type[:80]}, about {len(block.data) * 3 // 4} bytes, which cannot be shown]"
        case types.ResourceLink():
            return f"[{block.name[:80]}: {str(block.uri)[:200]}]"
        case types.EmbeddedResource(resource=types.TextResourceContents() as resource):
            return resource.text
        case types.EmbeddedResource():
            return f"[{str(block.resource.uri)[:200]}, which cannot be shown]"
