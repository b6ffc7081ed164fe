"""Implementations of attention with a position bias; device and precision decide the fastest."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

_FEW = 256  # tokens up to which one SDPA call is faster than one product per head
_CACHED = 2_400_000  # logits of the heads computed at a time: 5 MB of bf16
_ALIGNED = 8  # elements; alignment of the rows of a bias for fused GPU kernels


class Attention(ABC):
    """Compute softmax(query key^T + bias) value; the query is already scaled."""

    def prepared(self, bias: Tensor) -> Tensor:
        """Return a bias (heads, N, N) in the layout that `__call__` expects."""
        return bias

    @abstractmethod
    def __call__(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """Return (B, N, heads, dim) of query, key and value (3, B, heads, N, dim)."""


class SdpaAttention(Attention):
    """PyTorch's scaled_dot_product_attention: the fastest on a GPU."""

    def prepared(self, bias: Tensor) -> Tensor:
        """Return a view of the bias whose rows are aligned to eight elements."""
        columns = bias.shape[-1]
        return F.pad(bias, (0, -columns % _ALIGNED))[..., :columns]

    def __call__(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """Return (B, N, heads, dim)."""
        query, key, value = qkv
        mask = bias.expand(len(query), -1, -1, -1)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
        return attended.transpose(1, 2)


class ExplicitAttention(Attention):
    """Two batched products around a softmax: in bf16 on a CPU twice as fast as SDPA."""

    def __call__(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """Return (B, N, heads, dim)."""
        query, key, value = qkv.contiguous()  # one copy instead of three in the products
        logits = (query @ key.transpose(2, 3)).add_(bias)  # (B, heads, N, N)
        return (logits.softmax(dim=-1) @ value).transpose(1, 2)


class GroupedAttention(Attention):
    """Process a few heads at a time, whose logits fit the cache: the fastest in bf16.

    The product adds the bias before rounding, so it is also closer to float32.
    """

    def __call__(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """Return (B, N, heads, dim)."""
        query, key, value = qkv.contiguous()
        batch, heads, length, dim = query.shape
        attended = query.new_empty(batch, length, heads, dim)
        group = max(1, _CACHED // length**2)
        for index in range(batch):
            for first in range(0, heads, group):
                some = slice(first, first + group)
                keys = key[index, some].transpose(1, 2)
                logits = torch.baddbmm(bias[some], query[index, some], keys)
                product = torch.bmm(logits.softmax(dim=-1), value[index, some])
                attended[index, :, some] = product.transpose(0, 1)
        return attended


class HeadwiseAttention(SdpaAttention):
    """oneDNN products per head: the fastest in float32 on a CPU."""

    def prepared(self, bias: Tensor) -> Tensor:
        """Return the bias (heads, N, N) unchanged."""
        return bias

    def __call__(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """Return (B, N, heads, dim)."""
        if qkv.shape[3] < _FEW:
            return super().__call__(qkv, bias)
        query, key, value = qkv.contiguous()
        batch, heads, length, dim = query.shape
        attended = query.new_empty(batch, length, heads, dim)
        linear = torch.ops.mkldnn._linear_pointwise
        for index in range(batch):
            for head in range(heads):
                logits = linear.binary(
                    query[index, head], bias[head], key[index, head], None, 'add'
                )
                weights, transposed = logits.softmax(dim=-1), value[index, head].T
                product = linear(weights, transposed, None, 'none', [], '')
                attended[index, :, head] = product
        return attended
