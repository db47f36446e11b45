"""Inference with model bundles through LiteRT. No Qt, no database."""
