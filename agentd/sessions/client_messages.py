"""Client messages of the Voice Agent protocol as commands of a session that has Settings of its own (``GET …/stream``)."""

from agentd.errors import InvalidRequest
from agentd.protocol.messages import (
    ForceEndTurn,
    InjectAgentMessage,
    InjectUserMessage,
    KeepAlive,
    Message,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
)
from agentd.protocol.shapes import Block
from agentd.sessions.session import Session
from agentd.sessions.updates import UpdateKind


async def perform(session: Session, message: Message) -> None:
    """Do what the message asks for, as the command of the API does; returns when it is applied or accepted.

    A block of UpdateThink and its kin is merged over the effective one, so that prompt and functions stay.

    Raises:
        InvalidRequest: a message that has no place in a session that others share.
        AgentdError: whatever the command raises.
    """
    match message:
        case KeepAlive():
            session.check_alive()
        case UpdatePrompt():
            await session.append_prompt(message.prompt)
        case UpdateThink():
            await _update(session, "think", message.think)
        case UpdateSpeak():
            await _update(session, "speak", message.speak)
        case UpdateListen():
            await _update(session, "listen", message.listen)
        case InjectUserMessage():
            await session.inject_user(message.content)
        case InjectAgentMessage() if not message.is_dynamic:
            await session.inject_agent(message.message, message.behavior)
        case ForceEndTurn():
            await session.end_turn(wait=False)
        case _:
            raise InvalidRequest(
                f"{message.type} is not taken here: the session has its Settings, and its function calls are answered at "
                "POST …/calls/{call_id}."
            )


async def _update(session: Session, kind: UpdateKind, block: Block | list[Block]) -> None:
    if isinstance(block, list):
        raise InvalidRequest(f"Send one {kind} block, not a list: it is merged over the effective one.")
    await session.update(kind, block)
