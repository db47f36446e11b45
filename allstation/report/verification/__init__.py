"""Verification of a report: pages, embedded data, signature, case."""
