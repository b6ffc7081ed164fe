"""Linear layers and convolutions with fused activations and sums.

`PackedLayers` store their weights in oneDNN's blocked layout; `Layers` use standard operators and
leave the layout to torch.compile or the GPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal['none', 'relu', 'gelu']

_ACTIVATIONS = {'none': lambda x: x, 'relu': F.relu, 'gelu': F.gelu}
_ALGORITHM = {'none': '', 'relu': '', 'gelu': 'none'}  # GELU by the error function, not tanh


class Layer(nn.Module, ABC):
    """A linear layer or convolution, followed by an activation."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return activation(layer(x))."""

    @abstractmethod
    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual + layer(x), for layers without activation."""


class Layers:
    """Create layers from weights; these are layers of standard operators."""

    def linear(
        self, weight: Tensor, bias: Tensor | None, activation: Activation = 'none'
    ) -> Layer:
        """Return a linear layer for the last dimension; weight (outputs, inputs)."""
        return TorchLinear(weight, bias, activation)

    def convolution(self, conv: nn.Conv2d, activation: Activation = 'none') -> Layer:
        """Return a convolution for maps (B, C, h, w), fastest in channels_last."""
        return TorchConvolution(conv, activation)

    def pointwise(self, conv: nn.Module, activation: Activation = 'none') -> Layer:
        """Return a 1x1 convolution as a linear layer for (B, h, w, C)."""
        assert isinstance(conv, nn.Conv2d)
        return self.linear(conv.weight.flatten(1), conv.bias, activation)


class PackedLayers(Layers):
    """oneDNN products with packed weights, for the CPU.

    Convolutions use standard operators: packed for an unknown map size, they are as fast with many
    channels and five times slower with few.
    """

    def linear(
        self, weight: Tensor, bias: Tensor | None, activation: Activation = 'none'
    ) -> Layer:
        """Return a linear layer for the last dimension."""
        return PackedLinear(weight, bias, activation)

    @staticmethod
    def missing(dtype: torch.dtype) -> str:
        """Return why packed weights are unavailable here; '' if they are available."""
        x, weight = torch.ones(2, 8, dtype=dtype), torch.ones(4, 8, dtype=dtype)
        try:
            if not torch._C._has_mkldnn:
                return 'this torch is built without oneDNN'
            linear = PackedLinear(weight, weight[:, 0], 'none')
            right = bool((linear.add_to(linear(x), x) == 18.0).all())
        except (RuntimeError, AttributeError, TypeError) as error:
            return f'oneDNN failed: {str(error).splitlines()[0]}'
        return '' if right else 'oneDNN returned a wrong product'


class TorchLinear(Layer):
    """F.linear, then an activation."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: Activation) -> None:
        super().__init__()
        self.weight = _kept(weight)
        self.bias = None if bias is None else _kept(bias)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs)."""
        return _ACTIVATIONS[self.activation](F.linear(x, self.weight, self.bias))

    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual + layer(x)."""
        return residual + F.linear(x, self.weight, self.bias)


class TorchConvolution(Layer):
    """F.conv2d, then an activation."""

    def __init__(self, conv: nn.Conv2d, activation: Activation) -> None:
        super().__init__()
        weight = conv.weight.detach().contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = None if conv.bias is None else _kept(conv.bias)
        self.stride, self.padding = conv.stride, conv.padding
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, h, w)."""
        return _ACTIVATIONS[self.activation](self._convolve(x))

    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual + layer(x)."""
        return residual + self._convolve(x)

    def _convolve(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class PackedLinear(Layer):
    """A oneDNN product with bias and activation in one pass."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: Activation) -> None:
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())
        self.bias = None if bias is None else _kept(bias)
        self.tail: tuple[Any, ...] = (activation, [], _ALGORITHM[activation])

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs)."""
        return _result(torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, *self.tail))

    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual + layer(x)."""
        binary = torch.ops.mkldnn._linear_pointwise.binary
        return _result(binary(x, residual, self.packed, self.bias, 'add'))


def _kept(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach().contiguous(), requires_grad=False)


def _result(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value
