"""Drawn scenes with exact depth: rooms, streets and walks."""
