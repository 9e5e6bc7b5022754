"""Speaking: text made speakable (``text``), and a voice (``hibari``)."""
