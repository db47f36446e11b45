"""Queue feature: progress, jobs and problems of the batch queue."""
