"""Measures the embedded engine as clients see it: a process of its own, its WebSocket, and speech in real time.

    python -m bench.engine --speech path/to/clips.tsv [--only turns,endpointing,...] [--write docs/engine.md]

Every part prints what it does and gives a table; nothing is asserted. Whoever compares two versions does it in one sitting
on an idle machine: ratios and medians hold there, absolute times do not travel.
"""
