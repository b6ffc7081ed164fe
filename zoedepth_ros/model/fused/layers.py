"""Linear layers with fused activations and sums.

`PackedLinear` stores its weight in oneDNN's blocked layout; `Linear` uses standard operators and
leaves the layout to torch.compile or the GPU.  Convolutions use standard operators: packed for an
unknown map size, they are as fast with many channels and five times slower with few.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal['none', 'relu', 'gelu']

_ACTIVATIONS = {'none': lambda x: x, 'relu': F.relu, 'gelu': F.gelu}


class Linear(nn.Module):
    """A linear layer for the last dimension, then an activation."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, activation: Activation = 'none'
    ) -> None:
        """weight: (outputs, inputs)."""
        super().__init__()
        self.weight = _kept(weight)
        self.bias = None if bias is None else _kept(bias)
        self.activation = activation
        """What `forward` applies after the product."""

    @classmethod
    def pointwise(cls, conv: nn.Module, activation: Activation = 'none') -> Linear:
        """Return a 1x1 convolution as a layer for (B, h, w, C)."""
        assert isinstance(conv, nn.Conv2d)
        return cls(conv.weight.flatten(1), conv.bias, activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return activation(layer(x)), (..., outputs)."""
        return _ACTIVATIONS[self.activation](F.linear(x, self.weight, self.bias))

    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual + layer(x), for layers without activation."""
        return residual + F.linear(x, self.weight, self.bias)


class PackedLinear(Linear):
    """A oneDNN product with packed weight and bias for the CPU.

    The activation is part of the product, except for GELU in float32.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, activation: Activation = 'none'
    ) -> None:
        """weight: (outputs, inputs)."""
        # With AVX2, float32 and GELU, the product takes a tenth less time if torch computes GELU
        # after it; with AVX-512 it makes no difference.
        is_fused = activation != 'gelu' or weight.dtype != torch.float32
        super().__init__(weight, bias, 'none' if is_fused else activation)
        self.packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach())
        del self.weight
        fused = activation if is_fused else 'none'
        # GELU by the error function, not tanh
        self.tail: tuple[Any, ...] = (fused, [], 'none' if fused == 'gelu' else '')

    @staticmethod
    def missing(dtype: torch.dtype) -> str:
        """Return why packed weights are unavailable here; '' if they are available."""
        x, weight = torch.ones(2, 8, dtype=dtype), torch.ones(4, 8, dtype=dtype)
        try:
            if not torch._C._has_mkldnn:
                return 'this torch is built without oneDNN'
            linear = PackedLinear(weight, weight[:, 0])
            right = bool((linear.add_to(linear(x), x) == 18.0).all())
        except (RuntimeError, AttributeError, TypeError) as error:
            return f'oneDNN failed: {str(error).splitlines()[0]}'
        return '' if right else 'oneDNN returned a wrong product'

    def forward(self, x: Tensor) -> Tensor:
        """Return activation(layer(x)), (..., outputs)."""
        product = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, *self.tail)
        return _ACTIVATIONS[self.activation](_result(product))

    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return residual + layer(x), for layers without activation."""
        binary = torch.ops.mkldnn._linear_pointwise.binary
        return _result(binary(x, residual, self.packed, self.bias, 'add'))


def _kept(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach().contiguous(), requires_grad=False)


def _result(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value
