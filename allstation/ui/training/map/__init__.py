"""Map page: the fields of a labelled folder as a model sees them, as points."""
