"""The whole slide: deep zoom, its fields and results, and what is proposed after a slide was dropped."""
