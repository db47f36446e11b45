"""Cells of a case: gallery, types, counting, proposals, corrections by hand."""
