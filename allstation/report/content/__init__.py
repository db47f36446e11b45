"""Content of a report as frozen plain data: what pages, tables and checks print from."""
