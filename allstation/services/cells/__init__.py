"""Cells of the open case: features, similarity, typer."""
