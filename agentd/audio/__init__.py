"""Audio as values: formats, conversion between them, decoding of what callers upload.

Nothing here knows sessions or sockets: bytes go in, bytes come out. Only `recording` and `codecs` know the event loop.
"""
