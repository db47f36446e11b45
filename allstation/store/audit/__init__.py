"""Audit log of a case: entries, seals by stations, anchors kept elsewhere, verification of the whole case."""
