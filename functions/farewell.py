"""The end of a conversation: a farewell, and the session ends when it has been said."""

from agentd.functions import CallContext, function


@function(tier="low", examples=["Goodbye.", "End the conversation.", "Hang up.", "End the call."], on_duplicate="answer")
async def end_conversation(ctx: CallContext) -> str:
    """End the conversation, when the user says goodbye or has no further wish."""
    await ctx.end_session(after_speech=True)
    return str(ctx.config.get("farewell", "Goodbye."))
