"""Run exported files in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import AUTO, InferenceError, cuda_index

_SPINNING = 'session.intra_op.allow_spinning'
"""Whether threads busy-wait, see environment.py.  Next to one busy process on two cores,
ZoeD_S_NK takes 42 ms without and 71 ms with it; without other processes 28 and 25 ms."""

_CPU, _CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'


class OnnxSession:
    """One ONNX file, ready to run; implements Session."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        """Arguments and ValueError as for `open_session`."""
        import onnxruntime

        self.device = _device(device, onnxruntime.get_available_providers())
        self.precision = 'fp32'
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised
        options.intra_op_num_threads = threads
        options.add_session_config_entry(_SPINNING, '0')
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=_providers(self.device)
            )
        except Exception as error:  # its classes have no common base
            hint = ''
            if 'protobuf' in str(error).lower():
                hint = (
                    f' The file of {path.stat().st_size:,} bytes is cut off or is not an ONNX '
                    'file.'
                )
            raise ValueError(f'{path} cannot be opened by ONNX Runtime: {error}{hint}') from error
        if self.device != 'cpu' and _CUDA not in self._session.get_providers():
            raise ValueError(  # it would silently use the CPU
                f'device {device!r}: this ONNX Runtime cannot use CUDA; it may be built for '
                'another version of CUDA'
            )
        inputs = self._session.get_inputs()
        self.inputs = {
            port.name: tuple(side if isinstance(side, int) else -1 for side in port.shape)
            for port in inputs
        }
        require_input(self.inputs, path)
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        self._input, self._type = inputs[0].name, input_type(inputs[0].type, path)

    @property
    def metadata(self) -> Mapping[str, str]:
        """Metadata of the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return all outputs by name for an image, (1, 3, h, w) or as the file has it."""
        try:
            found = self._session.run(None, {self._input: as_type(image, self._type)})
        except Exception as error:  # its classes have no common base
            raise InferenceError(
                f'ONNX Runtime on {self.device} cannot run the depth network: {error}'
            ) from error
        return dict(zip(self.outputs, found, strict=True))


def open_session(path: Path, device: str, precision: str = AUTO, threads: int = 0) -> OnnxSession:
    """Open a file.

    device: auto, cpu, cuda or cuda:N.  precision: ignored, files are in fp32.  threads: number on
    the CPU, 0 for one per core.  Raises ValueError for an invalid file, and without ONNX Runtime.
    """
    try:
        return OnnxSession(path, device, threads)
    except ImportError as error:
        raise ValueError(
            f'backend onnxruntime needs ONNX Runtime (pip install onnxruntime): {error}'
        ) from error


def require_input(inputs: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raise ValueError for a file without inputs."""
    if not inputs:
        raise ValueError(f'{path} has no input: expected one, the image')


def input_type(name: str, path: Path) -> type[np.generic]:
    """Return the NumPy type of the input of a file, by ONNX Runtime's or OpenVINO's name of it.

    Raises ValueError for other types than float32, float16 and uint8.
    """
    types: dict[str, type[np.generic]] = {
        **dict.fromkeys(('tensor(float)', 'f32'), np.float32),
        **dict.fromkeys(('tensor(float16)', 'f16'), np.float16),
        **dict.fromkeys(('tensor(uint8)', 'u8'), np.uint8),
    }
    if name not in types:
        raise ValueError(f'{path}: the input must be float32, float16 or uint8, got {name}')
    return types[name]


def as_type(image: NDArray[np.float32], kind: type[np.generic]) -> NDArray:
    """Convert an image to the type of an input; uint8 is rounded."""
    if kind is np.float32:
        return image
    return (np.rint(image).clip(0, 255) if kind is np.uint8 else image).astype(kind)


def _device(name: str, providers: list[str]) -> str:
    index, has_cuda = cuda_index(name), _CUDA in providers
    if index is None:
        return 'cuda:0' if name == AUTO and has_cuda else 'cpu'
    if not has_cuda:
        raise ValueError(
            f'device {name!r}: this ONNX Runtime has no CUDA (pip install onnxruntime-gpu)'
        )
    return f'cuda:{index}'


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == 'cpu':
        return [_CPU]
    return [(_CUDA, {'device_id': device.partition(':')[2]}), _CPU]
