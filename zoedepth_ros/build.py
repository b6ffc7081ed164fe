"""Composition root: build a predictor from the name of a model."""

from __future__ import annotations

import os
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from zoedepth_ros.folders import cache_folder
from zoedepth_ros.inference.device_cloud import DeviceClouds, packer
from zoedepth_ros.inference.devices import choose_device, choose_precision, named_failures
from zoedepth_ros.inference.predictor import TorchPredictor
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.result import AUTO, DepthPredictor
from zoedepth_ros.inference.runtimes.cuda_graphs import CudaGraphs
from zoedepth_ros.inference.runtimes.exported import TORCH, backend_of, open_exported
from zoedepth_ros.inference.runtimes.openvino_network import with_openvino
from zoedepth_ros.inference.runtimes.optimize import OptimizedNetwork, check_optimization, optimize
from zoedepth_ros.inference.uncertainty import UncertaintyMaps, read_maps
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.training_camera import read_training_camera
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.fetch import fetch
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL
from zoedepth_ros.weights.load import load_weights
from zoedepth_ros.weights.read import check_file

if TYPE_CHECKING:
    import torch

RANDOM = 'random'
RANDOM_WARNING = 'random weights: not depth'
_SEED = 0
_MEASURE = 'ZOEDEPTH_MEASURE'


def build_predictor(
    model: str = DEFAULT_MODEL,
    weights: str | PathLike[str] | None = None,
    device: str | torch.device = AUTO,
    precision: str = AUTO,
    preprocessing: str = 'metric',
    flip_augmentation: bool = False,
    *,
    optimization: str = AUTO,
    network_height: int = 0,
    network_width: int = 0,
    may_measure: bool = True,
) -> TorchPredictor:
    """Build a predictor.

    weights: None or '' for the released ones (fetched on first use), a path, or 'random' (with a
    fixed seed).  device: auto, cpu, cuda or cuda:N.  precision: auto, fp32, bf16 or fp16.
    preprocessing: 'metric' keeps the metric scale, 'official' is that of the released `infer`.
    optimization: auto is the fastest execution mode without a compiler, measured once on a CPU
    (seconds), packed does not measure, compile runs torch.compile at the first image (minutes),
    off runs the reference network.  network_height, network_width:
    size of the network input [px], 0 for that of the model.  may_measure: False uses earlier
    measurements only; with the environment variable ZOEDEPTH_MEASURE=0 neither counts.  Raises
    ValueError for an invalid choice, before anything is fetched or built, and the errors of
    `fetch` and `load_weights`.
    """
    config, source = preset(model), fspath(weights) if weights else ''
    check_optimization(optimization)
    where = choose_device(str(device))
    level = choose_precision(precision, where)
    size = (network_height or config.image_size[0], network_width or config.image_size[1])
    config.check_size(*size)
    chosen = make_preprocessing(
        preprocessing, size, config.size_multiple, antialias=config.antialias
    )
    if config.backbone.only_size and preprocessing != 'metric':
        raise ValueError(
            f'preprocessing {preprocessing!r} keeps the aspect ratio, but {model} takes '
            f"{size[0]} x {size[1]} px (height x width) only: use preprocessing 'metric' "
            '(parameter of the node: pad_input false)'
        )
    with named_failures(where):  # a seed is set on CUDA devices too
        loaded = build_network(config, source)
    modes_dir = None if os.environ.get(_MEASURE) == '0' else cache_folder()

    def optimized() -> OptimizedNetwork:
        return optimize(
            loaded.network, level, where, optimization, cache_folder() / 'compiled',
            size=size, modes_dir=modes_dir, may_measure=may_measure,
        )  # fmt: skip

    fixed = optimization == AUTO and where.type == 'cpu' and preprocessing == 'metric'
    with named_failures(where):
        if modes_dir is not None and fixed and source != RANDOM:
            network = with_openvino(
                loaded.network, optimized, level, size, modes_dir, may_measure=may_measure
            )
        else:
            network = optimized()
    cuda = CudaGraphs(where) if where.type == 'cuda' else None
    return TorchPredictor(
        network,
        chosen,
        device=where,
        precision=level,
        graphs=cuda if optimization != 'off' else None,
        clouds=DeviceClouds(cuda, where, packer(where)) if cuda is not None else None,
        flip_augmentation=flip_augmentation,
        weights_origin=loaded.origin,
        weights_warning=loaded.weights_warning,
        training_hfov_rad=loaded.training_hfov_rad,
        focal_exponent=loaded.focal_exponent,
        uncertainty_maps=loaded.uncertainty_maps,
    )


def open_predictor(
    model: str,
    weights: str | PathLike[str] | None,
    device: str = AUTO,
    precision: str = AUTO,
    preprocessing: str = 'metric',
    flip_augmentation: bool = False,
) -> DepthPredictor:
    """Build a predictor, or open the file of another runtime by its suffix.

    weights: as for `build_predictor`, or a .onnx, .engine or .plan file of `zoedepth export` or of
    a network of others with a contract.  Raises the errors of `build_predictor` and
    `open_exported`.
    """
    path = fspath(weights) if weights else ''
    backend = backend_of(path)
    if backend == TORCH:
        return build_predictor(model, weights, device, precision, preprocessing, flip_augmentation)
    if preprocessing != 'metric' or flip_augmentation:
        raise ValueError(
            f"{path} runs in {backend}: an exported file allows only preprocessing 'metric' and "
            'no flip augmentation (--flip)'
        )
    return open_exported(path, backend, model=model, device=device, precision=precision)


class LoadedNetwork(NamedTuple):
    """A network with its parameters and their metadata."""

    network: ZoeDepth

    origin: str = ''
    """Source of the parameters."""

    weights_warning: str = ''
    """A warning about them, or ''."""

    training_hfov_rad: float = 0.0
    """Horizontal field of view of the training camera [rad]; 0 if unknown."""

    focal_exponent: float = 1.0
    """Exponent of the focal correction."""

    uncertainty_maps: UncertaintyMaps = MappingProxyType({})
    """Calibration of the uncertainty; {} for none."""


def build_network(config: ModelConfig, weights: str) -> LoadedNetwork:
    """Return the network with its parameters.

    weights: '' for the released ones (fetched on first use), a path, or 'random'.
    """
    if weights == RANDOM:
        return LoadedNetwork(create_model(config, seed=_SEED), RANDOM, RANDOM_WARNING)
    path = Path(weights).expanduser() if weights else fetch(config.name)
    check_file(path)
    network = create_model(config)
    report = load_weights(network, path)
    warning = report.metadata.get('trained_on', '')
    try:
        hfov_rad, exponent = read_training_camera(report.metadata)
    except ValueError as error:
        raise WeightsError(f'{path}: {error}') from error
    maps = read_maps(path, report.metadata)
    return LoadedNetwork(network, report.origin, warning, hfov_rad, exponent, maps)
