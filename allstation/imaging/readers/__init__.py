"""Readers of whole slides and DICOM; the only place that knows the libraries for it.

Decoding happens in confined children (``slide_child``); here are the station's side and what tells slides
from other files.
"""

from allstation.imaging.readers.client import SlideReader, open_slide
from allstation.imaging.readers.kinds import (
    SlideFiles,
    find_slides,
    is_slide,
    looks_like_slide,
    pages_of,
    slide_files,
)

__all__ = [
    "SlideFiles",
    "SlideReader",
    "find_slides",
    "is_slide",
    "looks_like_slide",
    "open_slide",
    "pages_of",
    "slide_files",
]
