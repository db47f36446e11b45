"""ALL Station: look at, classify, review and report peripheral blood smear fields.

Research use only.
"""

__version__ = "0.1.0"
