"""Drawing of any page: canvas, typesetting, blocks, tables, charts, pictures; knows no section."""
