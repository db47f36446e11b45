"""Sections of the case report, a module a page or a part of it, and their order in each template."""
