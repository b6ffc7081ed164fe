"""Run exported ONNX files in OpenVINO on the CPU.

A file with several heads is cut in memory, see openvino_heads.py: a head runs when one of its
outputs is read, so that an image costs the time of one head.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.inference.result import AUTO, InferenceError
from zoedepth_ros.inference.runtimes.onnx_runtime import as_type, input_type, require_input
from zoedepth_ros.inference.runtimes.openvino_heads import cut
from zoedepth_ros.inference.runtimes.session import Maps

_HINTS = {'fp32': 'f32', 'bf16': 'bf16'}
_ABOUT = 'framework'  # key of the metadata of an ONNX file
_HEADS = 'head'  # key of the metadata: the heads of the file, with commas between them
_TELEMETRY = 'openvino_telemetry'  # if installed, `import openvino` sends an event


class OpenvinoSession:
    """One ONNX file, compiled for the CPU; implements Session."""

    def __init__(self, path: Path, precision: str, threads: int, library: Any) -> None:
        """library: the module openvino.  Other arguments and ValueError as for `open_session`."""
        core = _core(library)
        self.device, self.precision = 'cpu', _precision(precision, core)
        hints = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': _HINTS[self.precision],
        }
        if threads:
            hints['INFERENCE_NUM_THREADS'] = str(threads)
        try:
            model = core.read_model(path)
            self.metadata: Mapping[str, str] = _metadata(model)
            self.outputs = tuple(each.get_any_name() for each in model.outputs)
            heads = tuple(self.metadata.get(_HEADS, '').split(','))
            shared, parts = cut(model, heads, library, self.precision)
            compiled = core.compile_model(shared, 'CPU', hints)
            self._request = compiled.create_infer_request()
            self._heads: dict[str, Any] = {}  # output -> request of its head
            for part in parts:
                request = core.compile_model(part.model, 'CPU', hints).create_infer_request()
                for number, source in enumerate(part.inputs):  # the same memory
                    request.set_input_tensor(number, self._request.get_output_tensor(source))
                self._heads |= dict.fromkeys(part.outputs, request)
        except Exception as error:  # its own are plain RuntimeErrors
            raise ValueError(f'{path} cannot be opened by OpenVINO: {_plain(error)}') from error
        self.inputs = {
            each.get_any_name(): tuple(
                side.get_length() if side.is_static else -1 for side in each.get_partial_shape()
            )
            for each in compiled.inputs
        }
        require_input(self.inputs, path)
        kind = compiled.inputs[0].get_element_type().get_type_name()
        self._type = input_type(kind, path)
        self._current: object = None

    def run(self, image: NDArray[np.float32]) -> Maps:
        """Run all but the heads; a head runs when one of its outputs is read, see Session."""
        outputs = _Outputs(self, self.infer(self._request, [as_type(image, self._type)]))
        self._current = outputs
        return outputs

    def infer(self, request: Any, inputs: list[NDArray] | None = None) -> dict[str, NDArray]:
        """Run one part and return those of the outputs of the file that it has."""
        try:
            found = request.infer(inputs, share_outputs=True)
        except Exception as error:  # its own are plain RuntimeErrors
            raise InferenceError(f'OpenVINO on {self.device}: {_plain(error)}') from error
        named = {name: values for port, values in found.items() for name in port.get_names()}
        return {name: np.array(named[name]) for name in self.outputs if name in named}

    def infer_head(self, outputs: object, name: str) -> dict[str, NDArray]:
        """Return the outputs of the head that computes this one, for the image of `outputs`."""
        if outputs is not self._current:
            raise InferenceError(f'output {name} was read after the network ran on another image')
        return self.infer(self._heads[name])


class _Outputs(Mapping[str, NDArray]):
    """The outputs of one image; reading one of a head runs this head."""

    def __init__(self, session: OpenvinoSession, known: dict[str, NDArray]) -> None:
        self._session, self._known = session, known

    def __getitem__(self, name: str) -> NDArray:
        if name not in self._known and name in self._session.outputs:
            self._known |= self._session.infer_head(self, name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._session.outputs)

    def __len__(self) -> int:
        return len(self._session.outputs)


def open_session(path: Path, device: str, precision: str, threads: int = 0) -> OpenvinoSession:
    """Open a file.

    device: auto or cpu.  precision: fp32, bf16, or auto for bf16 if the processor supports it.
    threads: 0 for OpenVINO's default.  Raises ValueError for other values, for an invalid file,
    and without OpenVINO.
    """
    try:
        library = import_openvino()
    except ImportError as error:
        raise ValueError(
            f'backend openvino needs OpenVINO (pip install openvino): {error}'
        ) from error
    if device not in (AUTO, 'cpu'):
        raise ValueError(f'backend openvino runs on the CPU only, got device {device!r}')
    return OpenvinoSession(path, precision, threads, library)


def import_openvino() -> Any:
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


@cache
def _core(library: Any) -> Any:
    """Return the Core of the process, which is never deleted.

    Its CPU plugin replaces the signal stack of the thread that loads it, and restores the old one
    when it is deleted.  If several are not deleted in reverse order, the thread is left with freed
    memory as its signal stack, and the next signal, such as Ctrl-C, ends the process.
    """
    return library.Core()


def _precision(name: str, core: Any) -> str:
    has_bf16 = 'BF16' in core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    if name == AUTO:
        return 'bf16' if has_bf16 else 'fp32'
    if name not in _HINTS:
        raise ValueError(f'backend openvino runs in {" or ".join(_HINTS)}, got precision {name}')
    if name == 'bf16' and not has_bf16:
        raise ValueError('backend openvino cannot run in bf16 on this processor: use fp32')
    return name


def _metadata(model: Any) -> dict[str, str]:
    """Return the metadata of a file."""
    if not model.has_rt_info(_ABOUT):
        return {}
    return {str(k): str(v) for k, v in model.get_rt_info(_ABOUT).value.items()}


def _plain(error: Exception) -> str:
    """Join the lines of a message."""
    return ' '.join(str(error).split())
