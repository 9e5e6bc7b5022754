"""Whether a step of the gate lets a call pass."""

from collections.abc import Callable

from agentd.functions.call import Rejected


def refusal(step: Callable[[], object]) -> Rejected | None:
    """What ``step`` refuses with; None when it lets the call pass."""
    try:
        step()
    except Rejected as rejected:
        return rejected
    return None
