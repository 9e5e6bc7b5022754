"""Looks for what is wrong with the tables ``[functions.*]`` of a configuration, without a daemon; for commands."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from agentd.config.functions import RESERVED, Credential, declared
from agentd.functions.mcp.tables import access_of
from agentd.functions.registry import Kind, LoadProblem
from agentd.functions.remote.arguments import Arguments, from_table
from agentd.functions.remote.credentials import Credentials
from agentd.functions.remote.declared import FAULTS, place_of
from agentd.functions.remote.http import request_of


class _Unseen(Credentials):
    """Credentials that only the daemon may see: each counts as there."""

    def read(self, wanted: Credential) -> str:
        return wanted.credential


def declared_faults(tables: Mapping[str, Mapping[str, Any]], allowed_endpoints: Collection[str]) -> list[LoadProblem]:
    """What would keep functions of ``[functions.http.*]``, ``mcp`` and ``delegated`` away. Starts and reaches nothing."""
    found, unseen = declared(tables), _Unseen(None, {})
    problems: list[LoadProblem] = []

    def note(kind: Kind, name: str, fault: Exception) -> None:
        problems.append(LoadProblem(place_of(kind, name), None, str(fault)))

    for name, http in found.http.items():
        try:
            request_of(http, allowed_endpoints, unseen)
        except FAULTS as fault:
            note("http", name, fault)
    for name, mcp in found.mcp.items():
        try:
            access_of(mcp, allowed_endpoints, unseen)
        except FAULTS as fault:
            note("mcp", name, fault)
    for name, delegated in found.delegated.items():
        try:
            Arguments(from_table(delegated.parameters))
        except FAULTS as fault:
            note("delegated", name, fault)
    return problems


def tables_without_file(tables: Mapping[str, Mapping[str, Any]], directory: Path) -> list[str]:
    """What to say of tables whose handler file is not in the folder, and what may have been meant. Blocking.

    It harms nothing, but nobody reads what stands there.
    """
    names = {path.stem for path in directory.glob("*.py") if path.name[0] not in "_."}
    notes = []
    for name in tables.keys() - names - RESERVED:
        near = get_close_matches(name.lower(), sorted(names | RESERVED), n=1)
        meant = f"; is [functions.{near[0]}] meant?" if near else ""
        notes.append(f"[functions.{name}]: nobody reads it, there is no {name}.py in {directory}{meant}")
    return sorted(notes)
