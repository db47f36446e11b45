"""Reports and tables, built as plain data from one snapshot of a case."""
