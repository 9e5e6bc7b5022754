"""systemd's readiness protocol: one datagram per state (sd_notify(3)). Without ``NOTIFY_SOCKET`` nothing is sent."""

import os
import socket


def notify(*lines: str) -> bool:
    """Send state lines such as ``READY=1`` or ``STATUS=…``; True when there was somebody to tell."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto("\n".join(lines).encode(), address)
    return True


def watchdog_s() -> float | None:
    """How often systemd wants to hear ``WATCHDOG=1``: half of ``WATCHDOG_USEC``; None when it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdigit() and int(microseconds) > 0 else None
