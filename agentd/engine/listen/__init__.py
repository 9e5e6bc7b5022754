"""Listening: is somebody speaking (``vad``, ``energy``), and what was said (``moonshine``)."""
