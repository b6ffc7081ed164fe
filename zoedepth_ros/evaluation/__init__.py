"""Metrics, crops and masks, and the paper's evaluation protocol."""
