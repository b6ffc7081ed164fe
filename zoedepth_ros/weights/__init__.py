"""Weights: registry, download, conversion of keys, strict loading."""
