"""Looking at one field: zoom, overlay of the prediction, evidence map, cell outlines."""
