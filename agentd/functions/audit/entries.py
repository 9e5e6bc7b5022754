"""What the audit says of a call: who asked for what, of which code, and how it came out; words only for tier ``high``."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import orjson

from agentd.functions.call import CallRequest, canonical
from agentd.functions.gate.confirm import Confirmation
from agentd.functions.registry import FunctionSpec
from agentd.log import MASK, mask

_ID_CHARS: Final = 64
"""Names and ids come from models: more of them is not written."""
_SECRET: Final = re.compile(
    r"(?:^|_)(?:pin|puk|code|otp|cvv|iban|pass|passcode|passphrase|password|passwd|secret|token|key|apikey|credentials?)(?:_|$)",
    re.IGNORECASE,
)
"""Arguments of such names are secrets, whatever they hold."""


def arguments_sha256(arguments: str | Mapping[str, Any]) -> str:
    """The hash of the canonical arguments; of the text itself where it could not be read."""
    try:
        text = arguments.encode("utf-8", "surrogatepass") if isinstance(arguments, str) else canonical(arguments)
    except orjson.JSONEncodeError:
        text = repr(arguments).encode("utf-8", "backslashreplace")
    return sha256(text).hexdigest()


def masked(value: Any, name: str = "") -> Any:
    """The arguments with secrets replaced: those of the process, what looks like a token, and what is called like one."""
    if isinstance(value, dict):
        return {key: masked(item, key) for key, item in value.items()}
    if name and value is not None and not isinstance(value, bool) and _SECRET.search(name):
        return MASK
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    return mask(value) if isinstance(value, str) else value


def of_call(
    request: CallRequest, spec: FunctionSpec | None, arguments: str | Mapping[str, Any] | None = None, **members: Any
) -> dict[str, Any]:
    """The members of a line about a call.

    Args:
        spec: None when there is no such function.
        arguments: as they will be used; None when an earlier line of the call has them.
        members: more of them.
    """
    told: dict[str, Any] = {
        "function": request.name[:_ID_CHARS],
        "call_id": request.call_id[:_ID_CHARS],
        "session_id": request.session_id,
        "run_id": request.run_id,
        "agent": request.agent,
    }
    if spec is not None:
        told |= {"tier": spec.tier, "provider": spec.kind}
    if arguments is not None:
        told["started_by"] = request.started_by
        told |= {"handler_sha256": None if spec is None else spec.sha256, "arguments_sha256": arguments_sha256(arguments)}
        if spec is not None and spec.tier == "high" and isinstance(arguments, Mapping):
            told["arguments"] = masked(dict(arguments))
    return told | members


def of_confirmation(asked: Confirmation, **members: Any) -> dict[str, Any]:
    """The members of a line about a confirmation, without its nonce."""
    return {
        "function": asked.name,
        "call_id": asked.call_id[:_ID_CHARS],
        "session_id": asked.session_id,
        "run_id": asked.run_id,
        "agent": asked.agent,
        "tier": asked.tier,
        "arguments_sha256": arguments_sha256(asked.arguments),
        "arguments": masked(asked.arguments),
        **members,
    }
