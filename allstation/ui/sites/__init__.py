"""Sites: microscope, camera, objective, stain, scale and white point of the case's laboratory."""
