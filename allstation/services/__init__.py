"""Long-lived objects on their own threads. Qt core only, no widgets."""
