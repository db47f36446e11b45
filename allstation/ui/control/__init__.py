"""Control feature: Levey-Jennings charts of the site that the open case belongs to, and releases of days."""
