"""Who may come in: the Host and Origin checks of every request, and the tokens with their scopes.

Used by the control API and by the engine. Loopback is not trusted: any web page a person visits can reach it.
"""

from agentd.door.gate import Door
from agentd.door.grants import Grant, Grants
from agentd.door.identity import FIRST_TOKEN_SCOPES, SCOPES, Identity, fixed_key, require
from agentd.door.peers import Peers
from agentd.door.records import TokenRecord
from agentd.door.tokens import TokenStore

__all__ = [
    "FIRST_TOKEN_SCOPES",
    "SCOPES",
    "Door",
    "Grant",
    "Grants",
    "Identity",
    "Peers",
    "TokenRecord",
    "TokenStore",
    "fixed_key",
    "require",
]
