"""Metrics of a run, comparison of runs, figures and reports."""
