"""Labelled folder to fields in memory: check, groups, splits, loading, augmentation."""
