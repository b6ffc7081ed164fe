"""A start for position tables that nobody has trained: every attention head looks somewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from zoedepth_ros.model.backbones.beit import BeitFeatures
from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.zoedepth import ZoeDepth

GAZES = (
    (0.0, 0.0, 0.06),
    (0.15, 0.0, 0.08),
    (-0.15, 0.0, 0.08),
    (0.0, 0.15, 0.08),
    (0.0, -0.15, 0.08),
    (0.0, 0.0, 0.2),
    (0.0, 0.0, 1.0),
)
"""Where heads look in turn: down, right and spread, as shares of the picture's height or width."""


@torch.no_grad()
def aim_attention(model: ZoeDepth) -> None:
    """Let each head of every block begin by looking near, above, below, beside or everywhere.

    Tables of zeros make attention blind to place, and it takes thousands of steps to learn values
    of a few units (after d'Ascoli et al. 2021, ConViT, where the same is done to plain tokens).
    """
    backbone = model.backbone
    if isinstance(backbone, BeitFeatures):
        table = gaze_table(backbone.config)
        for parameter in backbone.position_tables:
            parameter.copy_(table)


def gaze_table(config: BeitConfig) -> Tensor:
    """Return a table (rows, heads): minus the squared distance from where the head looks.

    Convention: rows are offsets query - key, so a key to the lower right has negative ones.
    """
    height, width = config.window
    down = torch.arange(height - 1, -height, -1) / height
    right = torch.arange(width - 1, -width, -1) / width
    columns = []
    for head in range(config.num_heads):
        look_down, look_right, spread = GAZES[head % len(GAZES)]
        squared = (down[:, None] - look_down) ** 2 + (right[None] - look_right) ** 2
        columns.append((-squared / (2 * spread**2)).clamp(min=-8.0).flatten())
    table = torch.stack(columns, dim=1)
    return torch.cat([table, torch.zeros(3, config.num_heads)])  # the cls token sees all alike
