"""Keeps what schemathesis asks for bounded: nothing waits for long, and streams without an end are asked for one event."""

from typing import Any

import schemathesis

LIVE = "kitchen"
MOST_S = {"timeout_s": 0.2, "wait_s": 0.05}


@schemathesis.hook
def before_load_schema(context: Any, schema: dict[str, Any]) -> None:
    """Leave out what never ends; events can be polled."""
    del context
    for path, methods in schema["paths"].items():
        if not path.endswith("/events"):
            for method in [method for method, operation in methods.items() if operation.get("x-stream")]:
                del methods[method]


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Let every second request that names a session find the one that is live."""
    name = (path_parameters or {}).get("id")
    if path_parameters is not None and isinstance(name, str) and context.operation.method != "delete" and len(name) % 2:
        path_parameters["id"] = LIVE
    return path_parameters


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Bound the waits, and ask for events by polling."""
    if query is None:
        return None
    for name, most in MOST_S.items():
        value = query.get(name)
        if isinstance(value, int | float) and value > most:
            query[name] = most
    if context.operation.path.endswith("/events"):
        query["limit"] = 1
    return query
