"""Run TensorRT engines of `zoedepth export tensorrt`; torch manages the GPU memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zoedepth_ros.inference.contract import contract_file
from zoedepth_ros.inference.devices import choose_device, named_failures
from zoedepth_ros.inference.result import AUTO, InferenceError
from zoedepth_ros.inference.runtimes.session import read_sidecar, sidecar_file

OLDEST_RELEASE = (10, 13)
"""Users report wrong depth with TensorRT 10.3 and 10.7, for networks with the same backbones."""


def release_warning(version: str) -> str:
    """Return why a release of TensorRT, such as '10.3.0', is doubtful; '' if it is not."""
    numbers = tuple(int(part) for part in version.split('.')[:2] if part.isdigit())
    if numbers >= OLDEST_RELEASE:
        return ''
    oldest = '.'.join(map(str, OLDEST_RELEASE))
    return (
        f'TensorRT {version} is older than {oldest}: users report wrong depth with 10.3 and 10.7 '
        '(docs/jetson.md)'
    )


class TensorRtSession:
    """One engine, ready to run; implements Session."""

    def __init__(self, path: Path, device: torch.device, library: Any) -> None:
        """library: the module tensorrt.  Raises ValueError for an engine it cannot load."""
        described = contract_file(path).is_file() and not sidecar_file(path).is_file()
        self.metadata: Mapping[str, str] = {} if described else read_sidecar(path)
        self.device, self._device = str(device), device
        self.warning = release_warning(library.__version__)
        self.precision = self.metadata.get('precision', 'fp32')
        with named_failures(device), torch.cuda.device(device):  # TensorRT uses the current one
            self._load(path, library)

    def _load(self, path: Path, library: Any) -> None:
        logger = library.Logger(library.Logger.ERROR)
        engine = library.Runtime(logger).deserialize_cuda_engine(path.read_bytes())
        if engine is None:
            raise ValueError(
                f'{path} cannot be loaded by TensorRT {library.__version__}: an engine '
                'works only with the TensorRT release and the GPU that it was built with'
            )
        self._engine = engine  # must outlive its context
        self._context = engine.create_execution_context()
        self._stream: Any = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._tensors: dict[str, torch.Tensor] = {}
        self._input = ''
        self.inputs: dict[str, tuple[int, ...]] = {}
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            shape = tuple(engine.get_tensor_shape(name))
            if min(shape, default=1) < 1 or engine.get_tensor_dtype(name) != library.float32:
                kind = engine.get_tensor_dtype(name)
                raise ValueError(
                    f'{path}: the tensor {name} is of type {kind} and shape {shape}: expected '
                    'float32 and a fixed shape'
                )
            self._tensors[name] = torch.empty(shape, dtype=torch.float32, device=self._device)
            self._context.set_tensor_address(name, self._tensors[name].data_ptr())
            if engine.get_tensor_mode(name) == library.TensorIOMode.INPUT:
                self._input = name
                self.inputs[name] = shape
        self.outputs = tuple(name for name in self._tensors if name not in self.inputs)

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return all outputs by name for an image, (1, 3, h, w) or as the engine has it."""
        with named_failures(self._device), torch.cuda.stream(self._stream):
            self._tensors[self._input].copy_(torch.from_numpy(image))
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise InferenceError(f'TensorRT on {self.device} could not run the engine')
            return {
                name: tensor.cpu().numpy()  # waits for the stream
                for name, tensor in self._tensors.items()
                if name != self._input
            }


def open_session(path: Path, device: str, precision: str = AUTO) -> TensorRtSession:
    """Open an engine.

    precision: ignored, the engine defines it.  Raises ValueError without TensorRT, without a CUDA
    device and for an incompatible engine.
    """
    try:
        import tensorrt
    except ImportError as error:
        raise ValueError(
            'backend tensorrt needs TensorRT and its Python module, which a Jetson has from '
            f'JetPack (docs/jetson.md): {error}'
        ) from error
    where = choose_device('cuda' if device == AUTO else device)
    if where.type != 'cuda':
        raise ValueError(f'backend tensorrt needs a CUDA device, got {device!r}')
    return TensorRtSession(path, where, tensorrt)
