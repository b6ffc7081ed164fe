"""The network in the form that runs fastest here, and what to do when that form fails."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from zoedepth_ros.inference.failures import kind_of
from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.inference.runtimes.runtime import DTYPES
from zoedepth_ros.model.backbone import Prepared
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.fused.layers import PackedLayers
from zoedepth_ros.model.fused.network import FastZoeDepth, folded_network, packed_network
from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth

OPTIMIZATIONS = (AUTO, 'off', 'compile')
_CACHE_VARIABLE = 'TORCHINDUCTOR_CACHE_DIR'
_logger = logging.getLogger(__name__)


class Network(Protocol):
    """What the predictor asks of a network; ZoeDepth itself is one."""

    @property
    def config(self) -> ModelConfig:
        """Its settings."""
        ...

    def prepare(self, height: int, width: int) -> Prepared:
        """Give the constants of a picture size [px]."""
        ...

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Any:
        """Give what heads and router share."""
        ...

    def route(self, features: Any) -> Tensor:
        """Give the router's logits."""
        ...

    def decode(self, features: Any, head: str) -> Prediction:
        """Give the prediction of one head."""
        ...


class OptimizedNetwork:
    """A network in the form asked for, with the name of that form and why it is not another."""

    def __init__(self, network: Network, form: str, note: str = '') -> None:
        """form: 'plain', 'packed', 'folded' or 'compiled'.  note: '' when all went as asked."""
        self.network, self.form, self.note = network, form, note
        self.config = network.config
        if note:
            _logger.warning(note)

    def prepare(self, height: int, width: int) -> Prepared:
        """Give the constants of a picture size [px]."""
        return self.network.prepare(height, width)

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Any:
        """Give what heads and router share."""
        return self.network.encode(image, prepared)

    def route(self, features: Any) -> Tensor:
        """Give the router's logits."""
        return self.network.route(features)

    def decode(self, features: Any, head: str) -> Prediction:
        """Give the prediction of one head."""
        return self.network.decode(features, head)


class CompiledNetwork(OptimizedNetwork):
    """A folded network compiled by torch, until that fails: then the folded one, for good."""

    def __init__(self, network: FastZoeDepth, note: str = '') -> None:
        super().__init__(network, 'compiled', note)
        on_cpu = network.bottleneck.weight.device.type == 'cpu'
        options: Any = {'freezing': True} if on_cpu else {}
        # torch's own CUDA graphs belong to one thread; ours (graphs.py) do not
        self._encode = torch.compile(network.encode, dynamic=False, options=options)
        self._decode = torch.compile(network.decode, dynamic=False, options=options)

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Any:
        """Give what heads and router share; compiles at the first picture of a size."""
        if self.form == 'compiled':
            try:
                return self._encode(image, prepared)
            except Exception as error:
                self._give_up(error)
        return self.network.encode(image, prepared)

    def decode(self, features: Any, head: str) -> Prediction:
        """Give the prediction of one head; compiles at the first picture of a head."""
        if self.form == 'compiled':
            try:
                return self._decode(features, head)
            except Exception as error:
                self._give_up(error)
        return self.network.decode(features, head)

    def _give_up(self, error: Exception) -> None:
        """Go on without the compiler; raises what is no failure of the compiler."""
        if kind_of(error) is not None:
            raise error
        self.form = 'folded'
        self.note = f'torch.compile failed, the network runs uncompiled: {_first_line(error)}'
        _logger.warning(self.note)


def optimize(
    model: ZoeDepth,
    precision: str,
    device: torch.device,
    optimization: str,
    cache_dir: Path | None = None,
) -> OptimizedNetwork:
    """Move a network to the device and turn it into the form to run; it is of no use afterwards.

    optimization: one that check_optimization lets pass; 'off' leaves the network as it was
    trained, 'auto' takes the fastest form that needs no compiler, 'compile' compiles with the
    first picture.  cache_dir: where compiled code is kept for the next start.
    """
    dtype = DTYPES[precision]
    model.eval().requires_grad_(False).to(device)
    note = _emulated(precision, device)
    if optimization == 'off':
        return OptimizedNetwork(
            model if precision == 'fp32' else model.half_precision(dtype), 'plain', note
        )
    if optimization == 'compile':
        if cache_dir is not None:
            os.environ.setdefault(_CACHE_VARIABLE, str(cache_dir))
        return CompiledNetwork(folded_network(model, dtype), note)
    missing = PackedLayers.missing(dtype) if device.type == 'cpu' else ''
    if device.type == 'cpu' and not missing:
        return OptimizedNetwork(packed_network(model, dtype), 'packed', note)
    if missing and not note:
        note = f'no packed weights, the network runs with ordinary operators: {missing}'
    return OptimizedNetwork(folded_network(model, dtype), 'folded', note)


def _emulated(precision: str, device: torch.device) -> str:
    """Return a warning where bf16 is emulated, which takes many times as long as fp32."""
    reason = bf16_emulated() if precision == 'bf16' and device.type == 'cpu' else ''
    return reason and f'precision bf16 is emulated, fp32 and auto are many times faster: {reason}'


def check_optimization(name: str) -> None:
    """Refuse an unknown optimization.  Raises ValueError listing the choices."""
    if name not in OPTIMIZATIONS:
        choices = ', '.join(OPTIMIZATIONS)
        raise ValueError(f'unknown optimization {name!r}: expected one of {choices}')


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
