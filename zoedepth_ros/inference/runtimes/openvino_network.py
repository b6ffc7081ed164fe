"""Run a small network in OpenVINO on a CPU where that takes less time than torch.

The network is converted once for its weights and size, and kept in the cache folder like the
choice, which is made by the CPU time of an image.  Only the network runs in OpenVINO: all around
it is as for torch, which also runs batches, and everything after a failure.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from zoedepth_ros.inference.check_images import check_image
from zoedepth_ros.inference.devices import short_reason
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.runtimes.agreement import check_reference, expected_blocks, reference
from zoedepth_ros.inference.runtimes.exported import to_network
from zoedepth_ros.inference.runtimes.measured_mode import (
    cpu_times_ms,
    fastest,
    kept_mode,
    measurement_key,
)
from zoedepth_ros.inference.runtimes.openvino_runtime import (
    OpenvinoSession,
    import_openvino,
    open_session,
)
from zoedepth_ros.inference.runtimes.optimize import OptimizedNetwork
from zoedepth_ros.inference.runtimes.session import Maps
from zoedepth_ros.model.backbones.features import Prepared
from zoedepth_ros.model.fixed_graph import FixedGraph
from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth

LARGEST = 10_000_000
"""Parameters; larger networks gain little, and need gigabytes and minutes to be converted."""

TORCH, OPENVINO = 'torch', 'openvino'
_FOLDER = 'openvino'  # in the cache folder
_SOURCE = 'source'  # key of the metadata: digest of what the file was converted from
_ABOUT = 'framework'  # where OpenvinoSession finds the metadata
_logger = logging.getLogger(__name__)


class _Features(NamedTuple):
    image: Tensor  # (1, 3, H, W)
    prepared: Prepared | None
    outputs: Maps


class OpenvinoNetwork(OptimizedNetwork):
    """A network of several heads in OpenVINO, for one image of one size; torch runs the others."""

    def __init__(
        self, network: OptimizedNetwork, session: OpenvinoSession, size: tuple[int, int]
    ) -> None:
        """network: the same in torch.  size: height and width of the session's image [px]."""
        super().__init__(network, OPENVINO)
        self._torch, self._session, self._size = network, session, size
        self.note = network.note

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Any:
        """Return the features that heads and router share."""
        if self.mode == OPENVINO and image.shape == (1, 3, *self._size):
            try:
                return _Features(image, prepared, self._session.run(image.numpy()))
            except InferenceError as error:
                self._give_up(error)
        return self._torch.encode(image, prepared)

    def route(self, features: Any) -> Tensor:
        """Return the router's logits."""
        if isinstance(features, _Features):
            return torch.from_numpy(features.outputs['router_logits'])
        return self._torch.route(features)

    def decode(self, features: Any, head: str) -> Prediction:
        """Return the prediction of one head."""
        if isinstance(features, _Features):
            names = (f'depth_m_{head}', f'uncertainty_m_{head}', 'relative_depth')
            try:
                maps = [torch.from_numpy(features.outputs[name]) for name in names]
                return Prediction(maps[0], maps[1], maps[2], None)
            except InferenceError as error:
                self._give_up(error)
                features = self._torch.encode(features.image, features.prepared)
        return self._torch.decode(features, head)

    def _give_up(self, error: InferenceError) -> None:
        """Continue in torch."""
        self.mode = self._torch.mode
        self.note = f'OpenVINO failed, so the network runs in torch: {error}'
        _logger.warning(self.note)


def with_openvino(
    model: ZoeDepth,
    optimized: Callable[[], OptimizedNetwork],
    precision: str,
    size: tuple[int, int],
    folder: Path,
    *,
    may_measure: bool,
) -> OptimizedNetwork:
    """Return the network in OpenVINO if that is faster for images of a size [px], else in torch.

    optimized: returns the network in torch; the model may be unusable afterwards.  folder: of
    converted networks and measurements.  may_measure: False uses earlier measurements and
    networks that are converted already.
    """
    key = _key(model, precision, size)
    kept = kept_mode(folder, key, (TORCH, OPENVINO)) if key else TORCH
    if kept == TORCH or not (kept or may_measure):
        return optimized()
    try:
        session = _session(model, precision, size, folder / _FOLDER, may_convert=may_measure)
    except Exception as error:  # of a damaged installation, of any kind
        _report(error)
        return optimized()
    in_torch = optimized()
    if session is None:
        return in_torch
    network = OpenvinoNetwork(in_torch, session, size)
    if not kept:
        try:
            times_ms = image_times_ms({TORCH: in_torch, OPENVINO: network}, size)
        except InferenceError as error:
            _report(error)
            return in_torch
        kept = fastest(folder, key, TORCH, times_ms, 'image')
    if kept == TORCH:
        return in_torch
    _logger.info(f'{model.config.name} runs in OpenVINO')
    return network


def image_times_ms(
    networks: dict[str, OptimizedNetwork], size: tuple[int, int]
) -> dict[str, float]:
    """Return the least CPU time of an image by network [ms]; {} if there was too little time."""
    image = torch.from_numpy(to_network(check_image('room').rgb, size))

    def run(network: OptimizedNetwork, prepared: Prepared) -> None:
        features = network.encode(image, prepared)
        network.route(features)
        network.decode(features, network.config.head_names[0])

    with torch.inference_mode():
        return cpu_times_ms(
            {name: partial(run, each, each.prepare(*size)) for name, each in networks.items()}
        )


def _key(model: ZoeDepth, precision: str, size: tuple[int, int]) -> str:
    """Name what the choice depends on; '' for a network that is not run in OpenVINO."""
    large = sum(parameter.numel() for parameter in model.parameters()) > LARGEST
    try:
        release = version('openvino')
    except PackageNotFoundError:
        return ''
    if large or model.router is None:
        return ''
    return f'{measurement_key(model.config.name, precision, size)}; openvino {release}'


def _session(
    model: ZoeDepth, precision: str, size: tuple[int, int], folder: Path, *, may_convert: bool
) -> OpenvinoSession | None:
    """Open the converted network; None if there is none and it may not be converted.

    Raises DriftError for another depth than that of the model, and what OpenVINO raises.
    """
    path, source = folder / f'{model.config.name}_{size[1]}x{size[0]}.xml', _digest(model)
    if path.is_file():
        try:
            session = _checked(path, source, precision, size)
        except Exception as error:  # of a damaged file, of any kind
            if not may_convert:
                raise
            _logger.warning(
                f'the cached OpenVINO network {path} is written anew: {short_reason(error)}'
            )
        else:
            if session is not None:
                return session
    if not may_convert:
        return None
    _convert(model, size, path, source)
    return _checked(path, source, precision, size)


def _checked(
    path: Path, source: str, precision: str, size: tuple[int, int]
) -> OpenvinoSession | None:
    """Open a converted network and compare its depth; None if it is that of other weights."""
    session = open_session(path, 'cpu', precision, torch.get_num_threads())
    if session.metadata.get(_SOURCE) != source:
        return None
    room = to_network(check_image('room').rgb, size)
    check_reference(session.run(room), expected_blocks(session.metadata), str(path), precision)
    return session


def _convert(model: ZoeDepth, size: tuple[int, int], path: Path, source: str) -> None:
    """Write the network as a file of OpenVINO, in float32 for all heads."""
    _logger.info(f'converting {model.config.name} for OpenVINO, which takes some seconds')
    library, jit = import_openvino(), cast(Any, torch.jit)
    graph = FixedGraph(model.eval().requires_grad_(False), model.config.head_names, size).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')
        # Traced and frozen here: convert_model alone takes more than twice as long.
        traced = jit.freeze(jit.trace(graph, (graph.example(),), check_trace=False))
        converted = library.convert_model(
            traced, example_input=(graph.example(),), input=[1, 3, *size]
        )
    for port, name in zip(converted.outputs, graph.output_names, strict=True):
        port.get_tensor().set_names({name})
    outputs = graph.run(to_network(check_image('room').rgb, size))
    maps = {name: values for name, values in outputs.items() if values.ndim == 4}
    about = {'head': ','.join(graph.heads), _SOURCE: source, **reference(maps)}
    for key, value in about.items():
        converted.set_rt_info(value, [_ABOUT, key])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as draft:
        library.save_model(converted, str(Path(draft) / path.name), compress_to_fp16=False)
        for part in sorted(Path(draft).iterdir()):  # the constants before the graph
            part.replace(path.parent / part.name)


def _digest(model: ZoeDepth) -> str:
    """Return a digest of the weights and of the releases that convert them."""
    digest = hashlib.sha256(f'torch {torch.__version__}, {version("openvino")}'.encode())
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy())
    return digest.hexdigest()


def _report(error: Exception) -> None:
    _logger.warning(f'the network runs in torch, not in OpenVINO: {short_reason(error)}')
