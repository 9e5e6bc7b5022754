"""The other end of a conversation: connecting, watching the connection, and knowing when to try again.

Knows the Deepgram SDK and WebSocket frames; knows nothing of sessions, turns or messages.
"""
