"""What this engine can do of what the protocol offers, and the parts of a Settings document that only the engine reads."""

from typing import Any

from agentd.errors import FieldError
from agentd.protocol import settings as documents

Document = dict[str, Any]


def faults(settings: Document) -> list[FieldError]:
    """What is wrong with a Settings document, or beyond this engine: told at once, so that nobody waits for audio in vain."""
    found = documents.validate(settings) or documents.encoding_faults(settings)
    if documents.agent_id(settings) is not None:
        found.append(FieldError("/agent", "this engine keeps no reusable configurations; send the agent as an object"))
    return found


def container(settings: Document) -> str:
    """What the agent's audio comes in: "none" (raw samples) unless the document says otherwise."""
    output = (settings.get("audio") or {}).get("output") or {}
    return output.get("container") or "none"


def context(settings: Document) -> list[Document]:
    """``agent.context.messages``: the conversation that is taken up again, as History objects."""
    agent = settings.get("agent")
    found = (agent.get("context") or {}).get("messages") if isinstance(agent, dict) else None
    return [item for item in found or () if isinstance(item, dict)]


def voice(settings: Document) -> str | None:
    """The voice the client wants, in its provider's words; None when it leaves the choice to us."""
    for block in documents.speak_blocks(settings):
        provider = block.get("provider") or {}
        wanted = provider.get("model") or provider.get("model_id") or provider.get("voice")
        return wanted if isinstance(wanted, str) else None
    return None
