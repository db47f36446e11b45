"""Files for other programs: FHIR, DICOM, annotated fields, GeoJSON for QuPath, a labelled folder."""
