"""Whole slides that a reader has opened: map of the smear, scale, stain, proposal of fields."""
