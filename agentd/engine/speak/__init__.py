"""Speaking: text made speakable (``text``), the voices (``hibari``, ``espeak``) and which of them speaks (``choice``)."""
