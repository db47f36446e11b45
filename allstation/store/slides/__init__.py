"""Slides of a case: folders and whole-slide files, their pixel sizes, verification."""
