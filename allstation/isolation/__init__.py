"""Child processes for what came from elsewhere: decoders, archives and networks, each within limits."""
