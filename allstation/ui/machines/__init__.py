"""Laboratory machines: which others work on the queue."""
