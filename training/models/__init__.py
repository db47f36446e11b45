"""Networks, classical methods and their registry."""
