"""Commissioning feature: the assistant that adapts the program to a laboratory, measured, or refuses."""
