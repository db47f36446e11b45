"""Content of a report as frozen plain data, its options and wording; pages and tables print from it."""
