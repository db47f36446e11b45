"""The open case: session, writer and reader on their threads, requests, questions, undo logs."""
