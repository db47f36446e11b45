"""Reproduction of the tables of the two source papers."""
