"""Wall-clock times as the API writes them. Durations and deadlines use the event loop's monotonic clock instead."""

from datetime import UTC, datetime


def rfc3339(unix_s: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds, such as ``2026-11-24T08:15:30.250Z``."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
