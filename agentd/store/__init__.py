"""What lasts: runs, turns, events, calls, usage and handlers' values in SQLite; retention, erasure and export.

It knows nothing of sessions or HTTP: it is told plain rows and gives them back.
"""

from agentd.store.recordings import Recordings
from agentd.store.rows import RunRow
from agentd.store.schema import FutureSchema
from agentd.store.store import Store
from agentd.store.writer import StoreUnavailable

__all__ = ["FutureSchema", "Recordings", "RunRow", "Store", "StoreUnavailable"]
