"""The Voice Agent protocol; pure (no socket, no clock, no asyncio).

messages    every message as a type: shapes (what they share), from_client, from_server
codec       frames to messages and back
settings    Settings documents: reading, changing, masking, and validation (its tables: blocks, checks)
client      the client's side of one conversation: what may be sent and expected, and when
server      the server's side of one conversation
"""
