"""The embedded engine: the server side of the Voice Agent protocol, with listening, thinking and speaking on this machine.

It runs in a process of its own (``agentd engine``) and knows nothing of sessions, http or upstream: the daemon reaches it
over the same WebSocket protocol as Deepgram.

The variables below must stand before numpy or onnxruntime is first imported, so they are set here, where every import of
the engine passes: onnxruntime's telemetry is on by default in some releases and only this variable stops it, and a BLAS
that spins a thread per core makes speech start later when several people talk at once.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
