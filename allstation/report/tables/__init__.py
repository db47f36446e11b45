"""Tables of a case as files: CSV, JSON and XLSX, of fields, cells and shares."""
