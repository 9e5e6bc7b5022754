"""What a handler file imports: ``from agentd.functions import CallContext, function``.

Only declarations live here, so that importing them costs a handler's worker nothing; the machinery that loads,
guards and runs handlers is in the modules beside.
"""

from agentd.functions.context import CallContext, Pending
from agentd.functions.declare import AskUser, FunctionError, function

__all__ = ["AskUser", "CallContext", "FunctionError", "Pending", "function"]
