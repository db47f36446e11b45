"""Training of models in child processes: runs, figures, comparison, activation; labelling of folders."""
