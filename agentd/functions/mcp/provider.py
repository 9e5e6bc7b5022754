"""The tools of all MCP servers as a ``Provider``.

A reload that leaves a server's table as it was keeps its connection; what the server told of its tools is then taken anew as
what they are. Between two loads a tool that becomes another one under its old name falls to tier high.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from agentd.config import LimitSettings
from agentd.config.functions import McpTable, ToolTable
from agentd.functions.call import InvalidArguments
from agentd.functions.mcp.process import Command
from agentd.functions.mcp.reach import Access, Reach
from agentd.functions.mcp.server import NotReached, Server
from agentd.functions.mcp.tools import Tool, as_function, fingerprint, selected
from agentd.functions.provider import Admitted, Loading, Serve
from agentd.functions.registry import FunctionSpec, LoadProblem
from agentd.functions.remote.declared import delivered, place_of
from agentd.functions.remote.references import SchemaFault
from agentd.functions.workers.wire import Reply

_log = structlog.get_logger("agentd.functions")


@dataclass(slots=True)
class _Configured:
    """A server and its table.

    Attributes:
        first: fingerprints of its tools as they were first listed.
        changed: tools that are another one now.
    """

    table: McpTable
    server: Server
    secrets: frozenset[str]
    first: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


class McpFunctions:
    """What the configured servers offer now.

    Args:
        usable: what the servers of sound tables are given.
        problems: tables that cannot be used.
    """

    def __init__(
        self,
        tables: Mapping[str, McpTable],
        usable: Mapping[str, Access],
        problems: Sequence[LoadProblem],
        loading: Loading,
    ) -> None:
        self._names = tuple(tables)
        self._static = tuple(problems)
        self._loading = loading
        self._running = 0
        self._retired = False
        self._tools: dict[str, tuple[Server, Tool]] = {}
        self.specs: tuple[FunctionSpec, ...] = ()
        self.problems: tuple[LoadProblem, ...] = self._static
        self._configured: dict[str, _Configured] = {}
        earlier: dict[str, Server] = {}
        for other in loading.earlier:
            earlier |= other.servers if isinstance(other, McpFunctions) else {}
        for name, access in usable.items():
            reach = _reach(tables[name], access, loading.limits)
            server = earlier.get(name)
            if server is None or server.reach != reach:
                server = Server(name, reach, nursery=loading.nursery)
                server.begin()
            server.owners.add(self._look)
            self._configured[name] = _Configured(tables[name], server, access.secrets)
        self._compose()

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._running > 0

    @property
    def servers(self) -> dict[str, Server]:
        """The servers by their names."""
        return {name: configured.server for name, configured in self._configured.items()}

    @property
    def servers_up(self) -> dict[str, bool]:
        """Whether each configured server can be called."""
        servers = self.servers
        return {name: name in servers and servers[name].state == "up" for name in self._names}

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments by the tool's schema. Defaults are the server's own affair."""
        found = self._tools.get(spec.name)
        return arguments if found is None else found[1].reader.read(arguments, defaults=False)

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        """Call the tool; once more after a new connection when the server certainly has not seen the call."""
        found = self._found(call.spec)
        if isinstance(found, Reply):
            return found
        server, tool = found
        try:
            tool.reader.read(call.arguments, defaults=False)
        except InvalidArguments as fault:
            return Reply("invalid", str(fault))
        self._running += 1
        try:
            async with asyncio.timeout(call.spec.timeout_s):
                reply = await self._call(server, tool, call)
            secrets = self._configured[server.name].secrets
            return delivered(reply, secrets, limit_bytes=self._loading.limits.function_result_bytes)
        finally:
            self._running -= 1
            if self._retired and not self._running:
                self._let_go()

    def _found(self, spec: FunctionSpec) -> tuple[Server, Tool] | Reply:
        found = self._tools.get(spec.name)
        if found is None:
            return Reply("error", f"{spec.name} is gone: its server does not run now. Nothing was done.")
        if found[1].spec != spec:
            # What was judged, and perhaps confirmed, is not what would be run.
            return Reply("error", f"{spec.name} has become another function meanwhile. Nothing was done.")
        return found

    async def _call(self, server: Server, tool: Tool, call: Admitted) -> Reply:
        try:
            return await server.call(tool.name, call.arguments)
        except NotReached as lost:
            _log.info("mcp_call_not_reached", server=server.name, function=call.spec.name, call_id=call.request.call_id)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(call.spec.timeout_s / 2):
                    await lost.tried_again()
        found = self._found(call.spec)
        if isinstance(found, Reply):
            return found
        try:
            return await server.call(found[1].name, call.arguments)
        except NotReached:
            return Reply("error", f"The server {server.name} cannot be reached. Nothing was done.")

    def retire(self) -> None:
        """Calls under way may end; servers that nobody took over are stopped then."""
        self._retired = True
        if not self._running:
            self._let_go()

    async def close(self) -> None:
        """Stop the servers that nobody took over."""
        await asyncio.gather(*(server.stop() for server in self._left()))

    def _let_go(self) -> None:
        for server in self._left():
            self._loading.nursery.start(server.stop(), name=f"functions:mcp:{server.name}:stop")

    def _left(self) -> list[Server]:
        """Leave every server; those that have no other owner."""
        left = []
        for configured in self._configured.values():
            owned = self._look in configured.server.owners
            configured.server.owners.discard(self._look)
            if owned and not configured.server.owners:
                left.append(configured.server)
        return left

    def _look(self) -> None:
        """A server came, went, or told of other tools."""
        self._compose()
        self._loading.changed()

    def _compose(self) -> None:
        tools: dict[str, tuple[Server, Tool]] = {}
        problems = list(self._static)
        for name, configured in self._configured.items():
            place = place_of("mcp", name)
            problems += [LoadProblem(place, None, fault, passing=True) for fault in self._of(configured, tools)]
        self._tools, self.problems = tools, tuple(problems)
        self.specs = tuple(tool.spec for _, tool in tools.values())

    def _of(self, configured: _Configured, tools: dict[str, tuple[Server, Tool]]) -> list[str]:
        """Add the tools of one server; what is wrong with it."""
        server, table, faults = configured.server, configured.table, []
        if server.state == "down":
            return [f"the server does not run: {server.reason}"]
        wanted = selected(table)
        for told in server.tools:
            if wanted is not None and told.name not in wanted:
                continue
            now = fingerprint(told)
            if configured.first.setdefault(told.name, now) != now and told.name not in configured.changed:
                configured.changed.add(told.name)
                _log.warning("mcp_tool_changed", server=server.name, tool=told.name[:80])
            changed = told.name in configured.changed
            try:
                tool = as_function(server.name, table, told, self._loading.limits, changed=changed)
            except SchemaFault as fault:
                faults.append(f"the tool {told.name[:80]!r} is left out: {fault}")
                continue
            if tool.spec.name in tools:
                taken = tools[tool.spec.name][1]
                faults.append(
                    f"the tool {told.name[:80]!r} is left out: {taken.spec.place} has a {tool.spec.name} already; set a prefix"
                )
                continue
            if changed:
                faults.append(f"the tool {told.name[:80]!r} is another one than at first: tier high until the next reload")
            tools[tool.spec.name] = (server, tool)
        if server.state == "up":
            offered = {told.name for told in server.tools}
            faults += [f"the server has no tool {name!r}" for name in wanted or () if name not in offered]
            if server.more:
                faults.append(f"the server has more than {server.reach.tools} tools; the others are left out (limits.mcp_tools)")
        return faults


def _reach(table: McpTable, access: Access, limits: LimitSettings) -> Reach:
    command = None if table.command is None else Command(table.command, table.args, access.env, table.cwd)
    longest_s = max([table.timeout_s, *(own.timeout_s for own in (selected(table) or {}).values() if isinstance(own, ToolTable))])
    return Reach(
        command=command,
        url=table.url,
        headers=access.headers,
        start_timeout_s=table.start_timeout_s,
        connect_s=limits.function_connect_s,
        silence_s=max(longest_s, table.start_timeout_s) + 5,
        look_s=limits.mcp_look_s,
        stop_s=table.stop_timeout_s,
        retry_s=limits.mcp_retry_s,
        message_bytes=limits.function_answer_bytes,
        messages_per_s=limits.mcp_messages_per_s,
        bytes_per_s=limits.mcp_bytes_per_s,
        log_bytes=limits.function_log_bytes,
        tools=limits.mcp_tools,
    )
