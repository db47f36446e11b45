"""Cells of a case: rows and queries, types, corrections, features, verification."""
