"""Defaults of the export, and the check for its optional libraries.  Imports no torch."""

from __future__ import annotations

from importlib.util import find_spec

OPSET = 18
"""The oldest opset that the exporter writes without conversion; TensorRT supports it since 8.6."""

MAX_DEVIATION = 1e-3
"""Largest deviation that passes the check; rounding differences are far smaller."""

FLOAT32_PREFIX = 'float32/'
"""Prefix of the names of nodes that must stay in float32: all but backbone and decoder."""

ENGINE_PRECISIONS = ('fp16', 'fp32')
"""Precisions of a TensorRT engine."""

_LIBRARIES = ('onnx', 'onnxscript', 'onnxruntime')


def require_libraries() -> None:
    """Raise ValueError with install instructions if a library is missing."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ValueError(
            f'the export to ONNX needs {" and ".join(missing)}: pip install "zoedepth_ros[onnx]"'
            f' (or pip install {" ".join(missing)})'
        )
