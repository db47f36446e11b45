"""Recipe page: presets, every adjustable, augmented fields, estimate of time."""
