"""Loaders of published data sets: images with ground truth."""
