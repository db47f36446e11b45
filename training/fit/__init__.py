"""Recipe to verified model bundle: session, training loop, fine-tuning, calibration, export."""
