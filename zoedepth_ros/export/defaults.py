"""What holds unless somebody asks for something else; imports no torch."""

OPSET = 18
"""The oldest that the exporter writes without translation; TensorRT reads it from 8.6 on."""

MAX_DEVIATION = 1e-3
"""Largest deviation that passes the check; rounding in another order stays well below it."""
