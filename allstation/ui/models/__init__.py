"""Models feature: choice of the model bundle."""
