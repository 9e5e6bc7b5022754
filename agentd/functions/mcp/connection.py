"""One connection to an MCP server, from start to end. The only part that holds the ``mcp`` package's client."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import mcp_types as types
import structlog
from mcp import Client, MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from agentd import __version__
from agentd.functions.mcp.http import Attempt, over_http
from agentd.functions.mcp.process import ServerProcess
from agentd.functions.mcp.reach import Reach, Told
from agentd.functions.mcp.results import MAX_ERROR_CHARS, error_of, value_of
from agentd.functions.mcp.streams import over_stdio
from agentd.functions.workers.wire import Reply
from agentd.supervise import Nursery

PAGES: Final = 20

SETTLE_S: Final = 2.0
"""For calls under way when a connection has to be given up."""

LOOK_AGAIN_S: Final = 1.0
"""Between two lists, however often the server says that its tools have changed."""

_NOT_RUN: Final = frozenset({types.METHOD_NOT_FOUND, types.INVALID_PARAMS})
"""Errors of JSON-RPC that come before anything is run. The others the package gives as well, for answers it cannot read."""
_ANSWER: Final[TypeAdapter[types.CallToolResult | types.InputRequiredResult]] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)
_UNKNOWN: Final = "whether it had an effect is unknown"

_log = structlog.get_logger("agentd.functions")


class Connection:
    """Connects, lists the tools, follows what the server tells of them, and ends.

    Args:
        name: the server's, for the log.
        legacy: begin as older versions of the protocol do; else ask for the version first.
        listed: told of the tools, and whether there are more than were read; the first time the connection is up.
    """

    def __init__(
        self, name: str, reach: Reach, *, legacy: bool, listed: Callable[[tuple[Told, ...], bool], None], nursery: Nursery
    ) -> None:
        self._name = name
        self._reach = reach
        self._legacy = legacy
        self._listed = listed
        self._nursery = nursery
        self._client: Client | None = None
        self._process: ServerProcess | None = None
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._wake = asyncio.Event()
        self._over: str | None = None
        self._look = False

    @property
    def exit(self) -> str:
        """How the process of the server ended; empty while it runs, and where there is none."""
        return self._process.exit if self._process is not None else ""

    async def call(self, tool: str, arguments: dict[str, Any]) -> Reply | None:
        """Call a tool; cancelling it tells the server. None when the server certainly has not seen the call."""
        client = self._client
        if client is None:
            return Reply("error", f"The server {self._name} does not run now; nothing was done.")
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=arguments))
        attempt = Attempt()
        self._under_way += 1
        self._quiet.clear()
        try:
            with attempt.under_way():
                result = await client.session.send_request(request, _ANSWER)
        except MCPError as error:
            if attempt.reached is False:
                self._ended("the server was not there any more, or had forgotten the session")
                return None
            return self._failed(error)
        except ValidationError:
            return Reply("error", f"The server {self._name} answered with something that is no result; {_UNKNOWN}.")
        except OSError:
            return Reply("error", f"The connection to the server {self._name} is broken; {_UNKNOWN}.")
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()
            if self._process is not None:
                self._process.note()
        if isinstance(result, types.InputRequiredResult):
            return Reply("error", f"The server {self._name} asks for something before it goes on, which calls cannot be given.")
        if result.is_error:
            return Reply("error", error_of(result))
        return Reply("result", value_of(result))

    def _failed(self, error: MCPError) -> Reply:
        if error.code == types.CONNECTION_CLOSED:
            self._look_again()
            return Reply("error", f"The connection to the server {self._name} was lost during the call; {_UNKNOWN}.")
        if self._reach.url is not None:
            self._look_again()
        said = error.message[:MAX_ERROR_CHARS]
        if error.code in _NOT_RUN:
            return Reply("error", f"The server {self._name} refused the call: {said}")
        return Reply("error", f"The server {self._name} failed: {said}; {_UNKNOWN}.")

    async def run(self) -> str:
        """Be connected; why it ended.

        Raises:
            Exception: it could not be connected, or broke; the package's task groups wrap the cause.
        """
        async with asyncio.timeout(self._reach.start_timeout_s) as starting:
            client = Client(
                self._transport(),
                mode="legacy" if self._legacy else "auto",
                cache=None,
                message_handler=self._heard,
                client_info=types.Implementation(name="agentd", version=__version__),
            )
            async with client:
                tools, more = await self._list(client)
                starting.reschedule(None)
                self._client = client
                if self._process is not None:
                    self._process.note()
                _log.info("mcp_server_up", server=self._name, protocol=client.protocol_version, tools=len(tools))
                self._listed(tools, more)
                listening = self._listen(client)
                try:
                    return await self._until_over(client)
                finally:
                    self._client = None
                    if listening is not None:
                        listening.cancel()

    async def _until_over(self, client: Client) -> str:
        while True:
            try:
                async with asyncio.timeout(self._reach.look_s if self._reach.url is not None else None):
                    await self._wake.wait()
            except TimeoutError:
                self._look = True
            self._wake.clear()
            if self._over is not None:
                await self._until_settled()
                return self._over or "it closed the connection"
            if self._look:
                self._look = False
                async with asyncio.timeout(self._reach.start_timeout_s):
                    tools, more = await self._list(client)
                self._listed(tools, more)
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _until_settled(self) -> None:
        """What is under way on a connection that ends may come to an end by itself, which says more than its loss."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._quiet.wait()

    async def _list(self, client: Client) -> tuple[tuple[Told, ...], bool]:
        """The tools, asked for page by page to the limit, and whether there are more."""
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await client.list_tools(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) > self._reach.tools:
                break
        told = [
            Told(
                tool.name,
                tool.title,
                tool.description,
                tool.input_schema,
                as_task=tool.execution is not None and tool.execution.task_support == "required",
            )
            for tool in found[: self._reach.tools]
        ]
        return tuple(told), cursor is not None or len(found) > self._reach.tools

    def _listen(self, client: Client) -> "asyncio.Task[None] | None":
        """Later versions of the protocol tell of changes only to who asks."""
        offers = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or offers is None or not offers.list_changed:
            return None

        async def listen() -> None:
            while True:
                try:
                    async with client.listen(tools_list_changed=True) as events:
                        async for _ in events:
                            self._look_again()
                except (MCPError, RuntimeError, TimeoutError) as error:
                    _log.debug("mcp_changes_not_told", server=self._name, reason=told(error))
                self._look_again()  # it may be gone
                await asyncio.sleep(self._reach.look_s)  # what changes meanwhile is seen when the tools are looked at again

        return self._nursery.start(listen(), name=f"functions:mcp:{self._name}:changes")

    async def _heard(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._look_again()

    def _look_again(self) -> None:
        self._look = True
        self._wake.set()

    def _ended(self, reason: str) -> None:
        self._over = self._over or reason
        self._wake.set()

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        reach = self._reach
        if reach.command is not None:
            self._process = ServerProcess(
                self._name,
                line_bytes=reach.message_bytes,
                bytes_per_s=reach.bytes_per_s,
                log_bytes=reach.log_bytes,
                stop_s=reach.stop_s,
            )
            return over_stdio(self._process, reach.command, self._name, reach.messages_per_s, self._ended)
        return over_http(reach, self._name, ended=self._ended, broken=self._look_again)


def told(error: BaseException) -> str:
    """The cause in a few words; the package's task groups wrap it."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error)[:200] or f"the connection broke ({type(error).__name__})"
