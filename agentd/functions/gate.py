"""The gate: the checks every call passes before its function sees it, whichever way it came in."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from agentd.config import LimitSettings
from agentd.functions.call import CallRequest, Rejected
from agentd.functions.provider import Admitted, Provider
from agentd.functions.registry import FunctionSpec, Registry

_SHOWN_CHARS: Final = 64


class Gate:
    """Lets a call pass, or says why not.

    Attributes:
        limits: in effect now; may be changed.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self.limits = limits

    async def admit(self, request: CallRequest, registry: Registry, providers: Mapping[str, Provider]) -> Admitted:
        """The call as it may be run.

        The allow-list is asked here, at the time of the call: what a model was told about earlier gives no right.

        Args:
            providers: who runs each function, by its name.

        Raises:
            Rejected: unknown, denied, or arguments that are no JSON object of bearable size.
        """
        spec = named(request, registry)
        return Admitted(request, spec, read_arguments(request.arguments, self.limits.function_args_bytes))


def named(request: CallRequest, registry: Registry) -> FunctionSpec:
    """The function that is called, if the caller may.

    Raises:
        Rejected: unknown or denied.
    """
    spec = registry.specs.get(request.name)
    if spec is None:
        offered = sorted(name for name in registry.specs if request.allowed is None or name in request.allowed)
        raise Rejected(
            "unknown", f"There is no function {request.name[:_SHOWN_CHARS]!r}. There are: {', '.join(offered) or 'none'}."
        )
    if request.allowed is not None and spec.name not in request.allowed:
        raise Rejected("denied", f"The function {spec.name} is not available to this agent.")
    return spec


def read_arguments(given: str | dict[str, Any], limit_bytes: int) -> dict[str, Any]:
    """The arguments as an object.

    Raises:
        Rejected: they are no JSON object of bearable size.
    """
    text = given if isinstance(given, str) else None
    try:
        size = len(orjson.dumps(given) if text is None else text.encode())
        if size > limit_bytes:
            raise Rejected("invalid", f"The arguments are too large: {size} bytes, at most {limit_bytes}.")
        read = given if text is None else orjson.loads(text or "{}")
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise Rejected("invalid", f"The arguments are not JSON: {error}.") from None
    if not isinstance(read, dict):
        raise Rejected("invalid", f"The arguments must be one JSON object, not {type(read).__name__}.")
    return read
