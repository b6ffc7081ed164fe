"""The router: classify the domain of an image from the bottleneck (arXiv 2302.12288, 3.3)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.config import RouterConfig


class Router(nn.Module):
    """A small transformer over the bottleneck with an additional readout token."""

    def __init__(self, features: int, n_domains: int, config: RouterConfig) -> None:
        super().__init__()
        self.embed = nn.Conv2d(features, config.embed_dim, 1)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.depth))
        self.classify = nn.Sequential(
            nn.Linear(config.embed_dim, config.embed_dim),
            nn.ReLU(),
            nn.Linear(config.embed_dim, n_domains),
        )

    def forward(self, bottleneck: Tensor) -> Tensor:
        """Return logits (B, n_domains) of a map (B, features, h, w)."""
        tokens = self.embed(bottleneck).flatten(2).transpose(1, 2)  # (B, h * w, embed_dim)
        tokens = F.pad(tokens, (0, 0, 1, 0))  # prepend a token of zeros
        tokens = tokens + sinusoidal_positions(tokens)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.classify(tokens[:, 0])


class EncoderLayer(nn.Module):
    """A transformer encoder layer with normalisation after the residual (post-norm)."""

    def __init__(self, config: RouterConfig) -> None:
        super().__init__()
        dim = config.embed_dim
        self.num_heads = config.num_heads
        self.dropout = config.dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        self.linear1 = nn.Linear(dim, config.feedforward_dim)
        self.linear2 = nn.Linear(config.feedforward_dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.project.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (B, N, embed_dim)."""
        tokens = self.norm1(tokens + self._drop(self._attend(tokens)))
        hidden = self._drop(F.relu(self.linear1(tokens)))
        return self.norm2(tokens + self._drop(self.linear2(hidden)))

    def _attend(self, tokens: Tensor) -> Tensor:
        qkv = self.qkv(tokens).unflatten(2, (3, self.num_heads, -1))  # (B, N, 3, heads, dim)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, N, dim) each
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.project(attended.transpose(1, 2).flatten(2))

    def _drop(self, tokens: Tensor) -> Tensor:
        return F.dropout(tokens, self.dropout, self.training)


def sinusoidal_positions(tokens: Tensor) -> Tensor:
    """Return position embeddings (N, dim) for tokens (B, N, dim): all sines, then all cosines."""
    length, dim = tokens.shape[1:]
    position = torch.arange(length, dtype=torch.float32, device=tokens.device)
    index = torch.arange(0, dim, 2, dtype=torch.float32, device=tokens.device)
    angle = position[:, None] * torch.exp(index * (-math.log(10000.0) / dim))
    return torch.cat([angle.sin(), angle.cos()], dim=1)
