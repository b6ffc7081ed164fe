"""Exported files in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import AUTO, InferenceError

_CPU, _CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'


class OnnxSession:
    """One ONNX file, ready to run; implements Session."""

    def __init__(self, path: Path, device: str) -> None:
        """device: auto, cpu, cuda or cuda:N.  Raises ValueError as open_session."""
        import onnxruntime

        self.device = _device(device, onnxruntime.get_available_providers())
        self.precision = 'fp32'
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=_providers(self.device)
            )
        except Exception as error:  # its classes have no common base
            raise ValueError(f'{path} cannot be opened by ONNX Runtime: {error}') from error
        self._names = [output.name for output in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says about itself."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Give all outputs by name for an image (1, 3, h, w)."""
        try:
            found = self._session.run(None, {self._input: image})
        except Exception as error:  # its classes have no common base
            raise InferenceError(f'ONNX Runtime on {self.device}: {error}') from error
        return dict(zip(self._names, found, strict=True))


def open_session(path: Path, device: str) -> OnnxSession:
    """Open a file; ValueError when it cannot be, or without ONNX Runtime, says what is missing."""
    try:
        return OnnxSession(path, device)
    except ImportError as error:
        raise ValueError(
            f'backend onnxruntime needs ONNX Runtime (pip install onnxruntime): {error}'
        ) from error


def _device(name: str, providers: list[str]) -> str:
    if name == 'cpu' or (name == AUTO and _CUDA not in providers):
        return 'cpu'
    if _CUDA not in providers:
        raise ValueError(
            f'device {name!r}: this ONNX Runtime has no CUDA (pip install onnxruntime-gpu)'
        )
    return f'cuda:{name.partition(":")[2] or 0}'


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == 'cpu':
        return [_CPU]
    return [(_CUDA, {'device_id': device.partition(':')[2]}), _CPU]
