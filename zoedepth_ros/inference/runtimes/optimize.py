"""Choose the execution mode of a network, and fall back if it fails."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoedepth_ros.inference.devices import DTYPES, kind_of, short_reason
from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.inference.runtimes.measured_mode import choose_mode
from zoedepth_ros.model.backbones.features import Prepared
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.fused.layers import PackedLinear
from zoedepth_ros.model.fused.network import (
    FusedZoeDepth,
    bin_operators,
    cpu_network,
    fused_network,
)
from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth

OPTIMIZATIONS = (AUTO, 'packed', 'off', 'compile')
_CACHE_VARIABLE = 'TORCHINDUCTOR_CACHE_DIR'
_logger = logging.getLogger(__name__)


class OptimizedNetwork:
    """A network with its execution mode, and a note if that is not the configured one."""

    def __init__(
        self, network: ZoeDepth | FusedZoeDepth | OptimizedNetwork, mode: str, note: str = ''
    ) -> None:
        """mode: 'reference', 'packed', 'fused', 'compiled' or 'openvino'.

        note: warning, '' for none.
        """
        self.network, self.mode, self.note = network, mode, note
        self.config: ModelConfig = network.config
        if note:
            _logger.warning(note)

    def prepare(self, height: int, width: int) -> Prepared:
        """Return the constants of an image size [px]."""
        return self.network.prepare(height, width)

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Any:
        """Return the features that heads and router share."""
        return self.network.encode(image, prepared)

    def route(self, features: Any) -> Tensor:
        """Return the router's logits."""
        return self.network.route(features)

    def decode(self, features: Any, head: str) -> Prediction:
        """Return the prediction of one head."""
        return self.network.decode(features, head)


class CompiledNetwork(OptimizedNetwork):
    """A fused network compiled by torch; falls back to the uncompiled one if that fails."""

    def __init__(self, network: FusedZoeDepth, note: str = '') -> None:
        super().__init__(network, 'compiled', note)
        on_cpu = network.bottleneck.weight.device.type == 'cpu'
        options: Any = {'freezing': True} if on_cpu else {}
        # without torch's CUDA graphs, which are bound to one thread; see cuda_graphs.py
        self._encode = torch.compile(network.encode, dynamic=False, options=options)
        self._decode = torch.compile(network.decode, dynamic=False, options=options)

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Any:
        """Return the shared features; compiles at the first image of a size."""
        if self.mode == 'compiled':
            try:
                return self._encode(image, prepared)
            except Exception as error:
                self._give_up(error)
        return self.network.encode(image, prepared)

    def decode(self, features: Any, head: str) -> Prediction:
        """Return the prediction of one head; compiles at the first image of a head."""
        if self.mode == 'compiled':
            try:
                return self._decode(features, head)
            except Exception as error:
                self._give_up(error)
        return self.network.decode(features, head)

    def _give_up(self, error: Exception) -> None:
        """Continue uncompiled.  Raises the error if it is a failure of the device."""
        if kind_of(error) is not None:
            raise error
        self.mode = 'fused'
        self.note = f'torch.compile failed, so the network runs uncompiled: {short_reason(error)}'
        _logger.warning(self.note)


def optimize(
    model: ZoeDepth,
    precision: str,
    device: torch.device,
    optimization: str,
    cache_dir: Path | None = None,
    *,
    size: tuple[int, int] | None = None,
    modes_dir: Path | None = None,
    may_measure: bool = True,
) -> OptimizedNetwork:
    """Convert a network and move it to the device; the original is unusable afterwards.

    optimization: one of OPTIMIZATIONS; 'off' runs the reference network, 'auto' the fastest mode
    without a compiler, 'packed' is 'auto' without measuring, 'compile' compiles at the first
    image.  cache_dir: folder for compiled code.  size: height and width of the images to be
    fastest for, by default the model's.  modes_dir: folder of measured modes; None measures
    nothing.  may_measure: False uses earlier measurements only.
    """
    dtype = DTYPES[precision]
    model.eval().requires_grad_(False)
    note = _emulated(precision, device)
    if optimization == 'off':
        reference = model if precision == 'fp32' else model.half_precision(dtype)
        return OptimizedNetwork(reference.to(device), 'reference', note)
    if optimization == 'compile':
        if cache_dir is not None:
            os.environ.setdefault(_CACHE_VARIABLE, str(cache_dir))
        return CompiledNetwork(fused_network(model, dtype, device), note)
    if device.type == 'cpu':
        missing = PackedLinear.missing(dtype)
        if missing and not note:
            note = f'the network runs without packed weights, which is slower: {missing}'
        folder = modes_dir if optimization == AUTO else None
        own_size = size or model.config.image_size
        chosen = choose_mode(model, precision, dtype, own_size, folder, may_measure=may_measure)
        name = 'packed' if chosen.linear is PackedLinear else 'fused'
        on_cpu = cpu_network(model, dtype, chosen.linear, chosen.attention)
        return OptimizedNetwork(on_cpu, name, note)
    network = fused_network(model, dtype, device, operators=bin_operators(dtype, device))
    return OptimizedNetwork(network, 'fused', note)


def _emulated(precision: str, device: torch.device) -> str:
    """Return a warning if bf16 is emulated, which is many times slower than fp32."""
    reason = bf16_emulated() if precision == 'bf16' and device.type == 'cpu' else ''
    return (
        reason
        and 'precision bf16 is emulated on this processor, and fp32 and auto are many times '
        f'faster: {reason}'
    )


def check_optimization(name: str) -> None:
    """Raise ValueError for an unknown optimization."""
    if name not in OPTIMIZATIONS:
        choices = ', '.join(OPTIMIZATIONS)
        raise ValueError(f'unknown optimization {name!r}: expected one of {choices}')
