"""From image file to pixels to pictures.

Decode, preprocess, quality, cells, similarity, overlays and the synthetic demo.
"""
