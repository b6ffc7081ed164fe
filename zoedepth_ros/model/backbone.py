"""From the settings of a backbone to the backbone: the one table of families."""

from __future__ import annotations

from zoedepth_ros.model.backbones.beit import BeitFeatures
from zoedepth_ros.model.backbones.config import BackboneConfig, BeitConfig, LiteConfig, SwinConfig
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared
from zoedepth_ros.model.backbones.lite import LiteFeatures
from zoedepth_ros.model.backbones.swin import SwinFeatures

__all__ = [
    'BeitFeatures',
    'FeatureExtractor',
    'LiteFeatures',
    'Prepared',
    'SwinFeatures',
    'create_backbone',
]


def create_backbone(config: BackboneConfig) -> FeatureExtractor:
    """Build the backbone of these settings with random weights."""
    match config:
        case BeitConfig():
            return BeitFeatures(config)
        case SwinConfig():
            return SwinFeatures(config)
        case LiteConfig():
            return LiteFeatures(config)
