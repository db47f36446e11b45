"""Image formats: bytes of one file to header and pixels, strictly, a module a format; no cells, no fields."""
