"""Labelling window: a person sorts fields into classes, one key a class."""
