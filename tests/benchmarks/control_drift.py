"""Drift of stain and light on control charts: how often it is found, how often there is a false alarm."""
