"""The libraries of this room, which are an extra."""

from __future__ import annotations

from importlib.util import find_spec

_LIBRARIES = ('onnx', 'onnxscript', 'onnxruntime')


def require_libraries() -> None:
    """Raise ValueError naming what to install when a library of this room is missing."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ValueError(
            f'the export to ONNX needs {" and ".join(missing)}: pip install "zoedepth_ros[onnx]"'
            f' (or pip install {" ".join(missing)})'
        )
