"""Predict depth with an exported file in another runtime, without torch."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.errors import quoted
from zoedepth_ros.inference.check_images import check_image
from zoedepth_ros.inference.contract import expected_contract, read_contract
from zoedepth_ros.inference.result import (
    AUTO,
    MIN_DEPTH_M,
    DepthResult,
    InferenceError,
    Rgb,
    SingleImagePredictor,
    check_head,
    check_rgb,
)
from zoedepth_ros.inference.runtimes.agreement import check_reference, expected_blocks
from zoedepth_ros.inference.runtimes.foreign import ForeignPredictor
from zoedepth_ros.inference.runtimes.session import Maps, Session
from zoedepth_ros.inference.uncertainty import UncertaintyMaps, read_maps
from zoedepth_ros.model.training_camera import read_training_camera

TORCH = 'torch'
BACKENDS: Mapping[str, str] = {
    'onnxruntime': 'zoedepth_ros.inference.runtimes.onnx_runtime',
    'openvino': 'zoedepth_ros.inference.runtimes.openvino_runtime',
    'tensorrt': 'zoedepth_ros.inference.runtimes.tensorrt_runtime',
}
"""Runtime -> the module whose `open_session(path, device, precision)` loads a file."""

AUTO_BACKENDS: Mapping[str, str] = {
    '.onnx': 'onnxruntime',
    '.engine': 'tensorrt',
    '.plan': 'tensorrt',
}
"""Suffix of the weights -> runtime of backend 'auto'; other files are for torch."""


def backend_of(weights: str, backend: str = AUTO) -> str:
    """Return the runtime for weights: 'torch' or one of BACKENDS, by the suffix for 'auto'."""
    if backend != AUTO:
        return backend
    return AUTO_BACKENDS.get(Path(weights).suffix.lower(), TORCH)


def open_exported(
    path: str,
    backend: str,
    *,
    model: str = '',
    device: str = AUTO,
    precision: str = AUTO,
    network_height: int = 0,
    network_width: int = 0,
) -> ExportedPredictor | ForeignPredictor:
    """Open a file of `zoedepth export`, or of a network of others with its contract, and check it.

    model, precision, network_height, network_width: required properties of the file; '', 'auto'
    and 0 accept any.  The model is not compared for a network of others.  Raises ValueError for
    other properties, for any other file, for a runtime that is not installed, and for one that
    does not give the stored depth of the check image (DriftError).
    """
    file, session = _opened(path, backend, device, precision)
    contract, origin = read_contract(file, session.metadata), f'{file} ({backend})'
    predictor: ExportedPredictor | ForeignPredictor
    if contract is None:
        try:
            predictor = ExportedPredictor(session, origin)
        except ValueError as error:
            raise ValueError(
                f'{error}; a network from outside this package needs a contract (description of '
                f'its inputs and outputs): {expected_contract(file)}'
            ) from error
        own_size = predictor.size
    else:
        predictor, model = ForeignPredictor(session, contract, origin), ''
        own_size = (contract.input.height, contract.input.width)
    predictor.uncertainty_maps = read_maps(file, session.metadata)
    properties = (
        ('model', model or predictor.model_name, predictor.model_name),
        ('precision', session.precision if precision == AUTO else precision, session.precision),
        ('network size', (network_height or own_size[0], network_width or own_size[1]), own_size),
    )
    for name, configured, found in properties:
        if configured != found:
            raise ValueError(
                f'{file} has the {name} {found}, expected the configured {configured}'
            )
    predictor.check()
    notes = (predictor.optimization_note, getattr(session, 'warning', ''))
    predictor.optimization_note = '; '.join(filter(None, notes))
    return predictor


def open_foreign(path: str, backend: str, *, device: str = AUTO) -> ForeignPredictor:
    """Open a file of a network of others without running it; ValueError without a contract."""
    file, session = _opened(path, backend, device, AUTO)
    contract = read_contract(file, session.metadata)
    if contract is None:
        raise ValueError(
            f'{file} has no contract (description of its inputs and outputs): '
            f'{expected_contract(file)}'
        )
    return ForeignPredictor(session, contract, f'{file} ({backend})')


def _opened(path: str, backend: str, device: str, precision: str) -> tuple[Path, Session]:
    if backend not in BACKENDS:
        raise ValueError(f'unknown backend {backend!r}: expected torch, {", ".join(BACKENDS)}')
    if not path:
        raise ValueError(
            f'backend {backend} needs an exported network as weights, such as a file of '
            '`zoedepth export`'
        )
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f'there is no file {file} for backend {backend}')
    return file, import_module(BACKENDS[backend]).open_session(file, device, precision)


class ExportedPredictor(SingleImagePredictor):
    """Run an exported file, of batch size 1, on images; implements DepthPredictor.

    Images are resized to the file's size, ignoring the aspect ratio, as preprocessing 'metric'.
    """

    def __init__(self, session: Session, origin: str) -> None:
        """origin: source of the file.  Raises ValueError for incomplete metadata."""
        about = session.metadata
        lacks = [name for name in ('height', 'width', 'model', 'head') if name not in about]
        if lacks:
            raise ValueError(
                f'{origin}: this is no file of `zoedepth export`: its metadata lack '
                f'{", ".join(lacks)}'
            )
        sides = [about['height'], about['width']]
        if not all(side.isdecimal() for side in sides):
            raise ValueError(
                f'{origin}: height and width must be whole numbers [px], got {quoted(sides)}'
            )
        self.size = (int(sides[0]), int(sides[1]))
        try:
            self.training_hfov_rad, self.focal_exponent = read_training_camera(about)
        except ValueError as error:
            raise ValueError(f'{origin}: {error}') from error
        self.model_name, self.heads = about['model'], tuple(about['head'].split(','))
        self.weights_warning = about.get('trained_on', '')
        self.uncertainty_maps: UncertaintyMaps = {}
        self.weights_origin = f'{origin}, from {about.get("weights_origin", "unknown weights")}'
        self.device, self.precision = session.device, session.precision
        self.preprocess_ms, self.device_memory_mb = math.nan, math.nan
        self.optimization_note = ''
        self._antialias = about.get('antialias') == '1'
        self._session, self._origin = session, origin
        shapes, expected = [*session.inputs.values()], (1, 3, *self.size)
        if shapes != [expected]:
            raise ValueError(
                f'{origin}: expected one input of the shape {expected}, as in its metadata, got '
                f'{shapes}'
            )
        router = ['router_logits'] if len(self.heads) > 1 else []
        names = dict.fromkeys(chain(*map(self._names, self.heads), router))
        missing = [name for name in names if name not in session.outputs]
        if missing:
            raise ValueError(
                f'{origin}: the file has no output {missing[0]}, which its metadata describes'
            )

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the file."""
        return self.size

    def check(self) -> None:
        """Compare the depth of the check image with that at the export; raises DriftError."""
        expected = expected_blocks(self._session.metadata)
        if not expected:
            self.optimization_note = (
                'the file contains no reference depth to check the runtime with: export the '
                'file again'
            )
            return
        outputs = self._session.run(to_network(check_image('room').rgb, self.size))
        check_reference(outputs, expected, self._origin, self.precision)

    def warm_up(self, height: int, width: int) -> None:
        """Run the network and each of its heads once, on a grey image of this size."""
        grey = np.full((height, width, 3), 128, np.uint8)
        outputs = self._session.run(to_network(grey, self.size, self._antialias))
        for head in self.heads:
            self._maps(outputs, head)

    def __call__(
        self, rgb: Rgb, head: str = AUTO, *, route: bool = True, depth_only: bool = False
    ) -> DepthResult:
        """Predict the depth of one image; see DepthPredictor."""
        check_rgb(rgb)
        check_head(head, self.heads)
        start_s = time.perf_counter()
        image = to_network(rgb, self.size, self._antialias)
        self.preprocess_ms = 1e3 * (time.perf_counter() - start_s)
        outputs = self._session.run(image)
        router_output = self._router_output(outputs) if route or head == AUTO else {}
        used = head
        if head == AUTO:
            used = max(self.heads, key=lambda name: router_output.get(name, 0.0))
        lowest = (MIN_DEPTH_M, 0.0, 0.0)
        shape = (rgb.shape[0], rgb.shape[1])
        depth_m, uncertainty_m, relative_depth = (
            np.maximum(resize(m, shape, self._antialias), np.float32(low))
            for m, low in zip(self._maps(outputs, used), lowest, strict=True)
        )
        return DepthResult(depth_m, uncertainty_m, relative_depth, used, router_output)

    def _maps(self, outputs: Maps, head: str) -> list[NDArray[np.float32]]:
        """Return depth, uncertainty and relative depth by a head, of the size of the file.

        Raises InferenceError for values that are not finite.
        """
        maps = [outputs[name].reshape(self.size) for name in self._names(head)]
        if not math.isfinite(sum(float(m.sum(dtype=np.float64)) for m in maps)):
            raise InferenceError(
                f'the network of {self.weights_origin} gave depth that is not finite (NaN or '
                'infinite)'
            )
        return maps

    def _names(self, head: str) -> tuple[str, str, str]:
        """Return the names of the three maps of a head."""
        end = f'_{head}' if len(self.heads) > 1 else ''
        return f'depth_m{end}', f'uncertainty_m{end}', 'relative_depth'

    def _router_output(self, outputs: Maps) -> dict[str, float]:
        """Return the router's probabilities; {} for a file of one head."""
        if len(self.heads) == 1:
            return {}
        shares = softmax(outputs['router_logits'].reshape(-1))
        return dict(zip(self.heads, map(float, shares), strict=True))


def softmax(logits: NDArray) -> NDArray[np.float64]:
    """Return the probabilities of the logits of one image."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return powers / powers.sum()


def to_network(rgb: Rgb, size: tuple[int, int], antialias: bool = False) -> NDArray[np.float32]:
    """Resize and normalise an image (H, W, 3): (1, 3, h, w)."""
    planes = resize(np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32), size, antialias)
    return (planes * np.float32(2 / 255) - np.float32(1))[None]


def resize(
    maps: NDArray[np.float32], size: tuple[int, int], antialias: bool = False
) -> NDArray[np.float32]:
    """Resize maps (..., H, W) bilinearly with align_corners=True.

    antialias: with half-pixel centres, low-pass filtered where that shrinks.
    """
    along = _smoothed_along if antialias else _along
    for axis, length in ((-2, size[0]), (-1, size[1])):
        if maps.shape[axis] != length:
            maps = along(maps, axis, length)
    return maps


def _along(maps: NDArray[np.float32], axis: int, length: int) -> NDArray[np.float32]:
    """Interpolate along one axis."""
    last = maps.shape[axis] - 1
    positions = np.linspace(0.0, last, length) if length > 1 else np.zeros(1)
    below = np.minimum(positions.astype(np.intp), max(last - 1, 0))
    share = (positions - below).astype(np.float32)
    low = maps.take(below, axis)
    high = maps.take(np.minimum(below + 1, last), axis)
    return low + (high - low) * (share[:, None] if axis == -2 else share)


def _smoothed_along(maps: NDArray[np.float32], axis: int, length: int) -> NDArray[np.float32]:
    """Resize along one axis; each value is a mean with the weights of a triangle."""
    count = maps.shape[axis]
    step = count / length
    reach = max(step, 1.0)
    positions = step * (np.arange(length) + 0.5) - 0.5
    taps = np.ceil(positions - reach).astype(np.intp)[:, None] + np.arange(int(2 * reach) + 1)
    weights = np.maximum(1.0 - np.abs(taps - positions[:, None]) / reach, 0.0)
    weights[(taps < 0) | (taps >= count)] = 0.0
    shares = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    smoothed = np.zeros((), np.float32)
    for tap, share in zip(taps.clip(0, count - 1).T, shares.T, strict=True):
        smoothed = smoothed + maps.take(tap, axis) * (share[:, None] if axis == -2 else share)
    return smoothed
