"""Labelling: fields are sorted into classes by a person, one key a class."""
