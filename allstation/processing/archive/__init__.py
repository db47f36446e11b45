"""Archives: any number of slides into cases or one Parquet data set, resumable and verifiable."""
