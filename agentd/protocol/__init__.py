"""The Voice Agent protocol: messages, codec, Settings and both state machines; pure (no socket, no clock, no asyncio)."""
