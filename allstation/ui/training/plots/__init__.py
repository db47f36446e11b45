"""Plots of runs and checks, drawn by Matplotlib on a worker thread and shown as pictures."""
