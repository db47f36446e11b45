"""The report before it is a file: its pages, the choices about it, the data it shows."""
