"""Swin transformer v2 (arXiv 2111.09883), connected as in MiDaS v3.1 (arXiv 2307.14460)."""

from __future__ import annotations

from timm.models.swin_transformer_v2 import SwinTransformerV2
from torch import Tensor, nn

from zoedepth_ros.model.backbones.config import SwinConfig
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared


class SwinFeatures(FeatureExtractor):
    """timm's four stages; the maps are the outputs of their last blocks."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.config = config
        self.channels = config.channels
        swin = _timm_swin(config)
        self.patch_embed: nn.Conv2d = swin.patch_embed.proj
        self.patch_norm: nn.LayerNorm = swin.patch_embed.norm
        self.stages = nn.ModuleList(swin.layers)

    def forward(self, image: Tensor, prepared: Prepared | None = None) -> list[Tensor]:
        """Return the four maps of image (B, 3, H, W), finest first: (B, channels[i], H/s, W/s).

        s is 4, 8, 16, 32.
        """
        x = self.patch_norm(self.patch_embed(image).permute(0, 2, 3, 1))  # (B, h, w, embed_dim)
        maps = []
        for stage in self.stages:
            x = stage(x)  # (B, h, w, channels[i]); all stages but the first halve h and w
            maps.append(x.permute(0, 3, 1, 2))
        return maps


def _timm_swin(config: SwinConfig) -> SwinTransformerV2:
    """Build timm's network; its last norm and its classifier are not used."""
    return SwinTransformerV2(
        img_size=config.only_size,
        patch_size=config.patch_size,
        num_classes=0,
        embed_dim=config.embed_dim,
        depths=config.depths,
        num_heads=config.num_heads,
        window_size=config.window,
        mlp_ratio=config.mlp_ratio,
        drop_path_rate=config.drop_path,
        pretrained_window_sizes=config.trained_windows,
    )
