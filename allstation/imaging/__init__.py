"""Image files, pixels and pictures.

Decode, preprocess, quality, cells, similarity, overlays and the synthetic demo.
"""
