"""Slides and fields of a case: tree, thumbnails, table, filters. Holds 100,000 fields without noticing."""
