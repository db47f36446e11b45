"""Sections of a report, page by page, and their order in each template."""
