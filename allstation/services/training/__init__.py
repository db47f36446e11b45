"""Training in child processes: runs, figures, comparison, activation, labelling."""
