"""Exported files in OpenVINO; the only module that imports it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HINTS = {'fp32': 'f32', 'bf16': 'bf16'}
_ABLE = {'fp32': 'FP32', 'bf16': 'BF16'}
_ABOUT = 'framework'  # where its reader puts the metadata of an ONNX file


class OpenvinoSession:
    """One ONNX file, compiled for the CPU; implements Session."""

    def __init__(self, path: Path, device: str, precision: str, threads: int) -> None:
        """Raises ValueError for another device than the CPU, and for a precision it does not
        compute in here."""
        import openvino

        if device != 'cpu':
            raise ValueError(f'OpenVINO computes on the CPU, our side on {device}')
        if precision not in _HINTS:
            raise ValueError(f'OpenVINO computes in {" or ".join(_HINTS)} here, not {precision}')
        self.device, self.precision = device, precision
        core: Any = openvino.Core()
        if _ABLE[precision] not in core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
            raise ValueError(f'OpenVINO does not compute in {precision} on this processor')
        self._model = core.read_model(path)
        compiled = core.compile_model(
            self._model,
            'CPU',
            {
                'PERFORMANCE_HINT': 'LATENCY',
                'INFERENCE_PRECISION_HINT': _HINTS[precision],
                'INFERENCE_NUM_THREADS': threads,
            },
        )
        self._request = compiled.create_infer_request()

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says about itself."""
        return {str(k): str(v) for k, v in self._model.get_rt_info(_ABOUT).value.items()}

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Give all outputs by name for an image (1, 3, h, w)."""
        found = self._request.infer([image])
        return {port.get_any_name(): values for port, values in found.items()}
