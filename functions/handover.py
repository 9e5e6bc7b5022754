"""Handing the conversation over to another agent, with what was said so far.

    [functions.handover.agents]
    billing = "bills and payments"
    support = "devices that do not work"

The profile of the agent that hands over must allow each of them: [agents.<name>] hand_over = ["billing", "support"].
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from agentd.functions import AskUser, CallContext, function

REQUIRES = ("agents",)

AGENTS: list[str] = []


async def prepare(config: Mapping[str, Any]) -> None:
    """Let models and the offline thinker know to whom."""
    AGENTS.extend(" ".join(name.split("_")) for name in config["agents"])


@function(
    tier="low",
    examples=[
        "Hand me over to billing.",
        "Connect me with support.",
        "Transfer me to the support agent.",
        "Put me through to support.",
    ],
)
async def hand_over(
    ctx: CallContext,
    agent: Annotated[
        str, Field(description="Whom to hand over to; left out: the user is asked", examples=AGENTS, max_length=60)
    ] = "",
) -> str:
    """Hand the conversation over to another agent, who goes on with it."""
    agents: dict[str, str] = dict(ctx.config["agents"])
    name = "_".join(agent.casefold().split())
    if name not in agents:
        known = ", or ".join(f"{' '.join(other.split('_'))} for {about}" for other, about in agents.items())
        raise AskUser(f"To whom: {known}?", argument="agent")
    await ctx.hand_over(name)
    return f"You are talking to {' '.join(name.split('_'))} now."
