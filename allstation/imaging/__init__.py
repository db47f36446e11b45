"""From image file to pixels to pictures: decode, preprocess, quality, cells, similarity, overlays, the synthetic demo."""
