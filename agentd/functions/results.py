"""From what ran a call to what the model is told, and what is spoken."""

from typing import Any

import orjson
import structlog

from agentd.config import LimitSettings
from agentd.functions.call import CallOutcome
from agentd.functions.provider import Admitted
from agentd.functions.templates import Sentences
from agentd.functions.workers.wire import Reply
from agentd.protocol.depth import deeper_than

_log = structlog.get_logger("agentd.functions")


def read(reply: Reply, call: Admitted, sentences: Sentences, limits: LimitSettings) -> tuple[CallOutcome, str]:
    """The outcome of a reply, and in a word what kind of trouble it was; empty for none.

    Args:
        sentences: add to a result what its function wants to be said of it.
        limits: of the text for the model, and how deep a value may be nested; a deeper one is told as its text.
    """
    name, value, arguments = call.spec.name, reply.value, call.arguments
    limit_bytes = limits.function_result_bytes

    def told(outcome_value: Any) -> str:
        return content(outcome_value, limit_bytes)

    if reply.outcome == "result":
        if deeper_than(value, limits.json_depth):
            value = told(value)
        if call.spec.options.result is not None:
            said = sentences.applied(name, call.spec.options.result, value)
            value = said if len(orjson.dumps(said)) <= limit_bytes else value  # cut off it would be no JSON
        return CallOutcome("ok", told(value), value, arguments), ""
    if reply.outcome == "ask":
        asked = {
            "say": value["question"],
            "awaiting": value["argument"],
            "note": f"Ask the user this, then call {name} again with all arguments and the answer.",
        }
        return CallOutcome("ok", told(asked), asked, arguments), ""
    if reply.outcome == "invalid":
        text = f"The arguments of {name} do not fit: {value}. Correct them and call again."
        return CallOutcome("invalid", told(text), None, arguments), "invalid"
    if reply.outcome == "error":
        return CallOutcome("error", told(value), None, arguments), "FunctionError"
    if reply.outcome == "cancelled":
        return CallOutcome("error", internal(name), None, arguments), "CancelledError"
    kind = str(value).partition(":")[0]
    request = call.request
    _log.error("function_raised", function=name, call_id=request.call_id, session_id=request.session_id, error=kind)
    return CallOutcome("error", internal(name), None, arguments), kind


def content(value: Any, limit_bytes: int) -> str:
    """Text for the model: words as they are, all else as JSON; nothing is said as done."""
    text = "Done." if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
    return text.encode()[:limit_bytes].decode("utf-8", "ignore")


def spoken(outcome: CallOutcome) -> str:
    """What the agent says of a call that ran in the background."""
    result = outcome.result
    if isinstance(result, dict) and isinstance(result.get("say"), str):
        return str(result["say"])
    return result if isinstance(result, str) else "That is done." if outcome.outcome == "ok" else outcome.content


def internal(name: str) -> str:
    """What the model is told of a fault that is not its own."""
    return f"The function {name} failed because of an internal error."
