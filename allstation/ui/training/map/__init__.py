"""Map of a labelled folder: fields as a model sees them."""
