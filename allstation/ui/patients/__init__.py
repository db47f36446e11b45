"""Patients feature: which patient each slide is of, typed, from folder names or from a table."""
