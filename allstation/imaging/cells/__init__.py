"""White cells in an array of pixels: segmentation for networks, finder for people, outlines, crops."""
