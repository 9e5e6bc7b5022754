"""Audio as values: formats, conversion between them, decoding of what callers upload.

Nothing here knows sessions, sockets or the event loop: bytes go in, bytes come out.
"""
