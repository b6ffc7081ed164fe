"""Losses, parameter groups, schedule and the training loop."""
