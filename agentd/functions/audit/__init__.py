"""The audit: what functions were asked to do, whether they did, and who let them; on disk before it happens.

chain    lines and the hashes that tie them together (pure)
file     the file: appending, syncing, what a crash left behind
verify   reads it back and finds what was changed, removed, inserted, reordered or cut off
entries  what is written of a call
hooks    what the gate tells of itself
writer   a thread that writes, tries again, and tells who waits
trail    ``Audit``, the daemon's one: what is put there, and what depends on it
"""

from agentd.functions.audit.hooks import record_gate
from agentd.functions.audit.trail import Audit

__all__ = ["Audit", "record_gate"]
