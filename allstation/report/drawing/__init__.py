"""Drawing of pages: canvas, typesetting, blocks, tables, charts, pictures."""
