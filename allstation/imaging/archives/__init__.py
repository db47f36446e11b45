"""Archives of fields: entries one by one, in a child process, within limits."""
