"""Whole slides: map, zones, scale and stain of the smear; proposal of fields in the monolayer."""
