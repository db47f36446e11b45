"""Fields as files: one reading of bytes, header and pixels; scale, parts, light, optics."""
