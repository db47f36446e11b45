"""Retraining without a terminal: check a labelled folder, train, compare, activate."""
