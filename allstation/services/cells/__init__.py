"""Cells of the open case on threads of their own: features by the cell network, proposals by the typer."""
