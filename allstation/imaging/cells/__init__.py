"""White cells in pixels: segmentation for the network, finder for people, outlines, crops, views, scale."""
