"""What holds unless somebody asks for something else; imports no torch."""

OPSET = 18
"""The oldest that the exporter writes without translation; TensorRT reads it from 8.6 on."""

MAX_DEVIATION = 1e-3
"""Largest deviation that passes the check; rounding in another order stays well below it."""

FLOAT32_PREFIX = 'float32/'
"""Begins the names of the nodes that must not be halved: all but backbone and decoder."""

ENGINE_PRECISIONS = ('fp16', 'fp32')
"""Of an engine of TensorRT."""
