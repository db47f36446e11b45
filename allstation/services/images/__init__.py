"""Pixels for views: field cache, thumbnails, cell crops, tiles of whole slides."""
