"""An MCP server over HTTP made with the official package: the newest version of the protocol, and tools that come and go.

Usage: ``python mcp_modern.py PORT``. ``grow`` adds a tool and tells so; ``slow`` waits and notes whether it was cancelled;
``curious`` asks for something before it goes on; ``seen`` tells the credential that the last request carried, and what became
of ``slow``.
"""

import sys

import anyio
import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

server = MCPServer("modern")
noted: dict[str, str] = {}


class Noting:
    """Notes the credential of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"authorization":
                noted["authorization"] = value.decode()
        await self._app(scope, receive, send)


@server.tool()
async def seen() -> dict[str, str]:
    """Tell what was noted."""
    return noted


@server.tool()
async def slow() -> str:
    """Take a minute."""
    noted["slow"] = "called"
    try:
        await anyio.sleep(60)
    except BaseException:
        noted["slow"] = "cancelled"
        raise
    return "done"


@server.tool()
async def curious() -> str | types.InputRequiredResult:
    """Ask for something first."""
    return types.InputRequiredResult(request_state="waiting")


@server.tool()
async def grow(context: Context) -> str:
    """Add a tool."""

    def grown(words: str) -> str:
        """Say it louder."""
        return words.upper()

    server.add_tool(grown)
    await context.notify_tools_changed()
    return "grown"


if __name__ == "__main__":
    uvicorn.run(Noting(server.streamable_http_app()), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
