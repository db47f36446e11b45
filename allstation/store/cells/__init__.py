"""Cells of a case: saved, listed, typed, corrected, with their features; verified against the log."""
