"""BEiT for inference: constants are folded into the weights, maps are channels_last."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.backbones.beit import BeitFeatures, Reassemble, position_bias
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared
from zoedepth_ros.model.fused.attention import Attention
from zoedepth_ros.model.fused.layers import Linear


class FusedBeit(FeatureExtractor):
    """Compute the maps of BeitFeatures in dtype."""

    def __init__(
        self,
        reference: BeitFeatures,
        dtype: torch.dtype,
        linear: type[Linear],
        attention: Attention,
    ) -> None:
        """Take over the blocks of a backbone, which is unusable afterwards; this saves memory."""
        super().__init__()
        self.config, self.channels = reference.config, reference.channels
        self.dtype, self.attention = dtype, attention
        self.position_tables = reference.position_tables
        cls_token = reference.cls_token.detach().to(dtype)
        self.cls_token = nn.Parameter(cls_token, requires_grad=False)
        self.patch_embed = linear(
            reference.patch_embed.weight.flatten(1).to(dtype),
            _as(reference.patch_embed.bias, dtype),
        )
        self.reassemble = nn.ModuleList(
            FusedReassemble(stage, dtype, linear)
            for stage in reference.reassemble
            if isinstance(stage, Reassemble)
        )
        self.blocks = nn.ModuleList()
        while len(reference.blocks):
            self.blocks.append(FusedBlock(reference.blocks.pop(0), dtype, linear, attention))

    def prepare(self, height: int, width: int) -> Prepared:
        """Return every block's position bias in the layout of the attention."""
        side = self.config.patch_size
        grid = (height // side, width // side)
        biases = (position_bias(x, self.config.window, grid) for x in self.position_tables)
        return Prepared(
            (height, width),
            tuple(self.attention.prepared(bias.to(self.dtype)) for bias in biases),
        )

    def forward(self, image: Tensor, prepared: Prepared | None = None) -> list[Tensor]:
        """Return the four maps, finest first."""
        prepared = self.constants(image, prepared)
        side = self.config.patch_size
        grid = (image.shape[-2] // side, image.shape[-1] // side)
        patches = image.to(self.dtype).reshape(-1, 3, grid[0], side, grid[1], side)
        patches = patches.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, 3, side, side)
        tokens = self.patch_embed(patches.flatten(3).flatten(1, 2))  # (B, patches, embed_dim)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tapped = []
        for index, (block, bias) in enumerate(zip(self.blocks, prepared.tensors, strict=True)):
            tokens = block(tokens, bias)
            if index in self.config.taps:
                tapped.append(tokens)
        return [stage(t, grid) for stage, t in zip(self.reassemble, tapped, strict=True)]


class FusedBlock(nn.Module):
    """A transformer block with LayerScale and query scale folded into its weights."""

    def __init__(
        self, reference: Any, dtype: torch.dtype, linear: type[Linear], attention: Attention
    ) -> None:
        """reference: a block of timm."""
        super().__init__()
        attend, mlp = reference.attn, reference.mlp
        self.attention = attention
        self.num_heads = int(attend.num_heads)
        scale = torch.ones_like(attend.qkv.weight[:, 0])
        scale[: len(scale) // 3] = attend.scale  # the rows of the queries
        bias = torch.cat([attend.q_bias, attend.k_bias, attend.v_bias])
        gain1, gain2 = reference.gamma_1, reference.gamma_2
        self.norm1, self.norm2 = reference.norm1.to(dtype), reference.norm2.to(dtype)
        self.qkv = _linear(linear, dtype, attend.qkv.weight, bias, scale)
        self.project = _linear(linear, dtype, attend.proj.weight, attend.proj.bias, gain1)
        self.expand = linear(_as(mlp.fc1.weight, dtype), _as(mlp.fc1.bias, dtype), 'gelu')
        self.contract = _linear(linear, dtype, mlp.fc2.weight, mlp.fc2.bias, gain2)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """Return tokens (B, N, embed_dim)."""
        qkv = self.qkv(self.norm1(tokens)).unflatten(2, (3, self.num_heads, -1))
        qkv = qkv.permute(2, 0, 3, 1, 4)  # (3, B, heads, N, dim)
        attended = self.attention(qkv, bias).flatten(2)
        tokens = self.project.add_to(tokens, attended)
        return self.contract.add_to(tokens, self.expand(self.norm2(tokens)))


class FusedReassemble(nn.Module):
    """As Reassemble, but the cls token's part of the readout is computed once for all patches."""

    def __init__(self, reference: Reassemble, dtype: torch.dtype, linear: type[Linear]) -> None:
        super().__init__()
        readout = reference.readout[0]
        assert isinstance(readout, nn.Linear)
        of_patch, of_cls = _as(readout.weight, dtype).chunk(2, dim=1)
        self.of_patch = linear(of_patch, None)
        self.of_cls = linear(of_cls, _as(readout.bias, dtype))
        self.project = linear.pointwise(reference.project.to(dtype))
        reference.resample.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.resample = reference.resample

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return (B, channels, h, w) of tokens (B, 1 + patches, embed_dim), cls token first."""
        joined = self.of_patch(tokens[:, 1:]) + self.of_cls(tokens[:, :1])
        maps = self.project(F.gelu(joined)).unflatten(1, grid)
        return self.resample(maps.permute(0, 3, 1, 2))  # (B, channels, *grid), channels_last


def _as(parameter: Tensor | None, dtype: torch.dtype) -> Tensor:
    assert parameter is not None
    return parameter.detach().to(dtype)


def _linear(
    linear: type[Linear], dtype: torch.dtype, weight: Tensor, bias: Tensor, scale: Tensor | None
) -> Linear:
    """Return a linear layer whose outputs are multiplied by scale."""
    if scale is not None:
        weight, bias = scale[:, None] * weight, scale * bias
    return linear(_as(weight, dtype), _as(bias, dtype))
