"""Graphs for other runtimes, and the check that holds them against the original."""
