"""Case feature: cases, their files, names, removals and the watched folder."""
