"""Image formats: headers, strict decoders, pixel conversions, isolated decoding."""
