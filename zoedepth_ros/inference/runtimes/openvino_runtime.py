"""Run exported ONNX files in OpenVINO on the CPU."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import AUTO, InferenceError
from zoedepth_ros.inference.runtimes.onnx_runtime import as_type, input_type

_HINTS = {'fp32': 'f32', 'bf16': 'bf16'}
_ABOUT = 'framework'  # key of the metadata of an ONNX file
_TELEMETRY = 'openvino_telemetry'  # if installed, `import openvino` sends an event


class OpenvinoSession:
    """One ONNX file, compiled for the CPU; implements Session."""

    def __init__(self, path: Path, precision: str, threads: int, library: Any) -> None:
        """library: the module openvino.  Other arguments and ValueError as for `open_session`."""
        core = library.Core()
        self.device, self.precision = 'cpu', _precision(precision, core)
        hints = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': _HINTS[self.precision],
        }
        if threads:
            hints['INFERENCE_NUM_THREADS'] = str(threads)
        try:
            self._model = core.read_model(path)
            compiled = core.compile_model(self._model, 'CPU', hints)
        except Exception as error:  # its own are plain RuntimeErrors
            raise ValueError(f'{path} cannot be opened by OpenVINO: {_plain(error)}') from error
        port = compiled.inputs[0]
        self.inputs = {
            each.get_any_name(): tuple(
                side.get_length() if side.is_static else -1 for side in each.get_partial_shape()
            )
            for each in compiled.inputs
        }
        self.outputs = tuple(each.get_any_name() for each in compiled.outputs)
        self._type = input_type(port.get_element_type().get_type_name(), path)
        self._request = compiled.create_infer_request()

    @property
    def metadata(self) -> Mapping[str, str]:
        """Metadata of the file."""
        if not self._model.has_rt_info(_ABOUT):
            return {}
        return {str(k): str(v) for k, v in self._model.get_rt_info(_ABOUT).value.items()}

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return all outputs by name for an image, (1, 3, h, w) or as the file has it."""
        try:
            found = self._request.infer([as_type(image, self._type)])
        except Exception as error:  # its own are plain RuntimeErrors
            raise InferenceError(f'OpenVINO on {self.device}: {_plain(error)}') from error
        return {port.get_any_name(): values for port, values in found.items()}


def open_session(path: Path, device: str, precision: str, threads: int = 0) -> OpenvinoSession:
    """Open a file.

    device: auto or cpu.  precision: fp32, bf16, or auto for bf16 if the processor supports it.
    threads: 0 for OpenVINO's default.  Raises ValueError for other values, for an invalid file,
    and without OpenVINO.
    """
    try:
        library = _library()
    except ImportError as error:
        raise ValueError(
            f'backend openvino needs OpenVINO (pip install openvino): {error}'
        ) from error
    if device not in (AUTO, 'cpu'):
        raise ValueError(f'backend openvino computes on the CPU, not on device {device!r}')
    return OpenvinoSession(path, precision, threads, library)


def _library() -> Any:
    """Import openvino with its telemetry disabled."""
    present = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        del sys.modules[_TELEMETRY]
        if present is not None:
            sys.modules[_TELEMETRY] = present
    return openvino


def _precision(name: str, core: Any) -> str:
    has_bf16 = 'BF16' in core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    if name == AUTO:
        return 'bf16' if has_bf16 else 'fp32'
    if name not in _HINTS:
        raise ValueError(f'backend openvino computes in {" or ".join(_HINTS)}, not in {name}')
    if name == 'bf16' and not has_bf16:
        raise ValueError('backend openvino: this processor does not compute in bf16')
    return name


def _plain(error: Exception) -> str:
    """Join the lines of a message."""
    return ' '.join(str(error).split())
