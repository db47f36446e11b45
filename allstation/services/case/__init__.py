"""The open case: its writer and reader threads, what the window asks of them, and undo."""
