"""Slides of a case: names and patients, files of whole slides, pixel sizes; verified against the log."""
