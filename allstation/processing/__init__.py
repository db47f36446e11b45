"""Import, queue, models, results: the one loop over a case that window and command line share. No Qt."""
