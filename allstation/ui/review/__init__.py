"""Saying what a field is: the reviewer's panel."""
