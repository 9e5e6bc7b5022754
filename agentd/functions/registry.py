"""What the daemon knows of the functions: their specifications, and what did not load. Frozen; a reload makes a new one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from agentd.functions.declare import Tier
from agentd.functions.options import Options

Kind = Literal["handler", "http", "mcp", "delegated"]
"""What runs a function: a worker process with a handler file, an HTTP address, an MCP server, a client of the API."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One function as its provider described it.

    Attributes:
        parameters: JSON Schema of the arguments, an object without references.
        timeout_s: seconds until a call is settled as ``timeout``.
        place: where it is declared: the handler file, or the table of the configuration.
        line: in that file; None in a table.
        sha256: of the file's bytes as loaded, in hexadecimal; None for a table.
        server: the MCP server whose tool it is.
        is_async: declared with ``async def``; a plain one can only be stopped by ending its process.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    tier: Tier
    timeout_s: float
    place: str
    line: int | None = None
    sha256: str | None = None
    examples: tuple[str, ...] = ()
    is_async: bool = True
    kind: Kind = "handler"
    options: Options = field(default_factory=Options)
    server: str | None = None

    @property
    def cancel_on_barge_in(self) -> bool:
        """Whether a call stops when the user goes on speaking."""
        declared = self.options.cancel_on_barge_in
        return self.tier == "read" if declared is None else declared

    @property
    def defer_until_eot(self) -> bool:
        """Upstreams call before the turn is certain; only looking may be done twice or in vain."""
        return self.tier != "read"

    def declaration(self) -> dict[str, Any]:
        """The object for ``agent.think.functions`` in Settings.

        Examples go into the description: the protocol has no member for them, and every model reads descriptions.
        """
        examples = f"\nExamples: {' '.join(self.examples)}" if self.examples else ""
        return {
            "name": self.name,
            "description": self.description + examples,
            "parameters": self.parameters,
            "defer_until_eot": self.defer_until_eot,
        }

    def describe(self) -> dict[str, Any]:
        """Everything about it as JSON values, for people and programs."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
            "tier": self.tier,
            "timeout_s": self.timeout_s,
            "kind": self.kind,
            "server": self.server,
            "file": self.place,
            "line": self.line,
            "sha256": self.sha256,
            "examples": list(self.examples),
            "options": self.options.describe(),
            "declaration": self.declaration(),
        }


@dataclass(frozen=True, slots=True)
class LoadProblem:
    """Why a handler file or a table, or a function in it, is not there.

    Attributes:
        line: None where no line is at fault.
        off: it is switched off, or not set up yet: nothing is wrong, and ``reason`` says how to switch it on.
        passing: it comes and goes with what others run (MCP servers): a reload is taken in spite of it.
    """

    place: str
    line: int | None
    reason: str
    off: bool = False
    passing: bool = False

    def __str__(self) -> str:
        place = self.place if self.line is None else f"{self.place}:{self.line}"
        return f"{place}: {self.reason}"

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer: into the configuration for a table, else file and line."""
        if self.place.startswith("["):
            return "/" + self.place.strip("[]").replace(".", "/")
        return f"/{Path(self.place).name}/{self.line or 0}"


@dataclass(frozen=True, slots=True)
class Registry:
    """The functions at hand, by name, the problems met, and what is switched off."""

    specs: Mapping[str, FunctionSpec] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[LoadProblem, ...] = ()
    off: tuple[LoadProblem, ...] = ()


def assemble(specs: Iterable[FunctionSpec], problems: Iterable[LoadProblem]) -> Registry:
    """A registry of everything with a name of its own: a name that two files claim belongs to neither.

    What a server calls its tools takes no name from what the operator declared.

    Args:
        problems: also what is switched off.
    """
    by_name: defaultdict[str, list[FunctionSpec]] = defaultdict(list)
    found = list(problems)
    for spec in sorted(specs, key=lambda spec: spec.kind == "mcp"):
        if spec.kind == "mcp" and spec.name in by_name:
            reason = f"{spec.name} is left out: {_short(by_name[spec.name][0])} has the name already; set a prefix"
            found.append(LoadProblem(spec.place, spec.line, reason, passing=True))
        else:
            by_name[spec.name].append(spec)
    for name, claims in by_name.items():
        for spec in claims if len(claims) > 1 else ():
            others = ", ".join(_short(other) for other in claims if other is not spec)
            reason = f"{name} is also declared in {others}; rename one, neither is loaded"
            found.append(LoadProblem(spec.place, spec.line, reason))
    single = {name: claims[0] for name, claims in sorted(by_name.items()) if len(claims) == 1}
    found.sort(key=lambda problem: (problem.place, problem.line or 0))
    return Registry(
        specs=MappingProxyType(single),
        problems=tuple(problem for problem in found if not problem.off),
        off=tuple(problem for problem in found if problem.off),
    )


def _short(spec: FunctionSpec) -> str:
    return spec.place if spec.line is None else f"{Path(spec.place).name}:{spec.line}"
