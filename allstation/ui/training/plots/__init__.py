"""Plots of runs and checks, drawn on a worker thread."""
