"""Exchange of a report with other programs: FHIR, DICOM, GeoJSON for QuPath, a labelled folder."""
