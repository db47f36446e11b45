"""Pixels for views, read on other threads: field cache, thumbnails, cell crops, tiles of whole slides."""
