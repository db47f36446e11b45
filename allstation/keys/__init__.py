"""Keys: signatures, the station's own key, laboratory keys, and which other keys are trusted."""
