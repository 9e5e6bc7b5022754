"""What a token for single agents reaches: their conversations, and nothing of the others.

Looked at in one place before every handler for routes with a session in their path; lists, starts and the events of all
sessions ask here.
"""

from aiohttp import web

from agentd.door import Identity
from agentd.errors import Forbidden, SessionNotFound
from agentd.http.deps import DEPS, identity_of


def serves(request: web.Request, *agents: str) -> bool:
    """True when the token is for conversations with each of ``agents``: a session that was handed over is of all that it was."""
    identity = identity_of(request)
    return identity is None or all(map(identity.serves, agents))


def require_agent(request: web.Request, agent: str) -> None:
    """Raise ``Forbidden`` unless the token is for conversations with ``agent``."""
    identity = identity_of(request)
    if identity is not None and not identity.serves(agent):
        raise Forbidden(
            f"The token {identity.name!r} is for {', '.join(sorted(identity.agents or ()))}, not for {agent[:64]!r}. "
            f"`agentd token --agent {agent[:64]} --scope …` makes one."
        )


def require_every_agent(request: web.Request) -> None:
    """Raise ``Forbidden`` for a token that is for single agents: what is asked belongs to none."""
    identity = identity_of(request)
    if identity is not None and identity.agents is not None:
        raise Forbidden(f"The token {identity.name!r} is for single agents; this belongs to none. Take a token without --agent.")


async def require_session(request: web.Request) -> None:
    """The session in the path is one of the token's agents.

    Raises:
        SessionNotFound: it is another's; the caller cannot tell it from one that does not exist.
    """
    identity = identity_of(request)
    if identity is None or identity.agents is None:
        return
    id_ = request.match_info["id"]
    try:
        run = await request.app[DEPS].manager.find(id_)
    except SessionNotFound:
        return  # the handler says so, or starts it: as one of the token's agents
    if not all(map(identity.serves, run.agents)):
        raise SessionNotFound(f"There is no session {id_[:64]!r}.")


def reaches_still(request: web.Request, identity: Identity) -> bool:
    """False when the live session in the path has gone on as an agent that the token is not for."""
    if identity.agents is None or "id" not in request.match_info:
        return True
    session = request.app[DEPS].manager.shelf.peek(request.match_info["id"])
    return session is None or all(map(identity.serves, session.agents))
