"""Verification of a report file: pages, embedded data and signature, against the case if given."""
