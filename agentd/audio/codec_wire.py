"""What the decoder process writes to its standard output: messages of one byte of kind, four of length and a body.

b"F"  JSON, once, first: {"codec", "sample_rate", "channels", "duration_s"}
b"P"  samples: interleaved signed 16 bit little-endian
b"E"  JSON, last: {"damaged": packets that could not be decoded}, or {"error": "malformed" | "invalid", "detail": text}
"""

import struct
from typing import Final

FOUND: Final = b"F"
SAMPLES: Final = b"P"
END: Final = b"E"

HEADER: Final = struct.Struct(">cI")
"""Kind, and length of the body in bytes."""
MESSAGE_BYTES: Final = 16 * 1024
"""The longest body."""
