"""Tables of a case: CSV, JSON and XLSX, of fields, cells and shares."""
