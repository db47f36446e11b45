"""The case on disk: one folder, one SQLite file, one writer."""
