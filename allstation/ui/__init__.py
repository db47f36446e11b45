"""Widgets. Actions, messages and shortcuts are declared once, as data."""
