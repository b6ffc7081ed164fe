"""Synthetic scenes with exact depth: rooms, streets and camera trajectories."""
