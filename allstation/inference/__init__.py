"""Model bundle to predictions, through the LiteRT network. No Qt, no database."""
