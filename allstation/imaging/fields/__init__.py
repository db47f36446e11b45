"""Fields, each read once from its file: bytes, header, pixels; then scale, parts, light, optics and cells."""
