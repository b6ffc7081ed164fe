from __future__ import annotations

import dataclasses

import pytest
import torch
from timm.layers import DropPath
from tiny_models import SWIN, random_image, spread, tiny_config

from zoedepth_ros.model.backbones.config import SwinConfig
from zoedepth_ros.model.backbones.swin import SwinFeatures
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth


def config(architecture: str) -> ModelConfig:
    """Return tiny settings on a Swin."""
    return dataclasses.replace(tiny_config(architecture), backbone=SWIN)


@pytest.mark.parametrize('size', [(64, 96), (32, 64), (128, 128)])
def test_images_of_another_size_are_refused(size: tuple[int, int]) -> None:
    model, image = ZoeDepth(config('N')), torch.zeros(1, 3, *size)
    for refuse in (lambda: model(image, 'indoor'), lambda: model.prepare(*size)):
        with pytest.raises(ValueError, match=f'64 x 64 only, got {size[0]} x {size[1]}'):
            refuse()


def test_settings_with_an_image_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match='64 x 64 only, got 64 x 96'):
        dataclasses.replace(config('N'), image_size=(64, 96))


@torch.no_grad()
@pytest.mark.parametrize('architecture', ['N', 'K', 'NK'])
def test_a_whole_network_predicts(architecture: str) -> None:
    model = ZoeDepth(config(architecture)).eval()
    spread(model, seed=0)
    image = random_image(64, 64)
    head = model.config.head_names[0]
    prediction = model(image, head, model.prepare(64, 64))
    assert prediction.depth_m.shape == (2, 1, 64, 64)
    assert prediction.depth_m.std() > 1e-2
    assert torch.equal(prediction.depth_m, model(image, head).depth_m)


@torch.no_grad()
def test_a_patch_is_seen_across_the_borders_of_its_window() -> None:
    """Moved windows, in the second block of the first stage, reach into the windows beside."""
    features = SwinFeatures(SWIN).eval()
    spread(features, seed=0)
    image = random_image(64, 64, batch=1)
    touched = image.clone()
    touched[..., 12:16, 12:16] += 0.5  # the last patch of the first window
    difference = (features(touched)[0] - features(image)[0]).abs().amax(dim=(0, 1))
    assert difference[4, 4] > 0.0
    assert difference[8:, 8:].max() == 0.0


def test_every_setting_reaches_the_stages() -> None:
    features = SwinFeatures(
        SwinConfig(
            embed_dim=8,
            depths=(1, 3, 1, 2),
            num_heads=(2, 2, 4, 4),
            window=3,
            image_side=96,
            trained_windows=(2, 0, 0, 2),
            patch_size=2,
            mlp_ratio=2.0,
            drop_path=0.6,
        )
    )
    parameters = dict(features.named_parameters())
    assert parameters['patch_embed.weight'].shape == (8, 3, 2, 2)
    assert parameters['stages.3.blocks.1.mlp.fc1.weight'].shape == (128, 64)
    assert parameters['stages.2.blocks.0.attn.logit_scale'].shape == (4, 1, 1)
    assert [len(stage.blocks) for stage in features.stages] == [1, 3, 1, 2]
    shapes = [tuple(x.shape) for x in features(random_image(96, 96))]
    assert shapes == [(2, 8, 48, 48), (2, 16, 24, 24), (2, 32, 12, 12), (2, 64, 6, 6)]
    # Offsets over (trained window - 1), times 8, to sign * log2(1 + |x|) / 3 (paper, eq. 4).
    tables = [stage.blocks[0].attn.relative_coords_table for stage in features.stages]
    assert tables[0].shape == (1, 5, 5, 2)
    assert tables[0][0, -1, 0].tolist() == pytest.approx([4.0875 / 3, -4.0875 / 3], abs=1e-4)
    assert tables[1][0, -1, 0].tolist() == pytest.approx([3.1699 / 3, -3.1699 / 3], abs=1e-4)
    shares = [part.drop_prob for part in features.modules() if isinstance(part, DropPath)]
    assert shares[-1] == pytest.approx(0.6)
    assert shares == sorted(shares)


def test_branches_are_left_out_while_training_only() -> None:
    features = SwinFeatures(dataclasses.replace(SWIN, drop_path=0.5))
    spread(features, seed=0)
    image = random_image(64, 64)
    with torch.no_grad():
        assert not torch.equal(features(image)[3], features(image)[3])
        features.eval()
        assert torch.equal(features(image)[3], features(image)[3])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'num_heads': (3, 2, 4, 8)}, 'got 16 channels and 3 heads'),
        ({'image_side': 72}, 'image_side must be a multiple of 32, got 72'),
        ({'image_side': 96, 'window': 5}, 'got window 5 for 24 x 24'),
        ({'drop_path': 1.0}, 'drop_path must be .* below 1, got 1.0'),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SWIN, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('name', 'side', 'channels', 'blocks', 'window', 'trained'),
    [  # timm's swinv2_tiny_window16_256, swinv2_{base,large}_window12to24_192to384
        ('ZoeD_Swin2T_NK', 256, (96, 192, 384, 768), 12, 16, (0, 0, 0, 0)),
        ('ZoeD_Swin2B_NK', 384, (128, 256, 512, 1024), 24, 24, (12, 12, 12, 6)),
        ('ZoeD_Swin2L_NK', 384, (192, 384, 768, 1536), 24, 24, (12, 12, 12, 6)),
    ],
)
def test_published_sizes(
    name: str,
    side: int,
    channels: tuple[int, ...],
    blocks: int,
    window: int,
    trained: tuple[int, ...],
) -> None:
    config = preset(name)
    assert isinstance(config.backbone, SwinConfig)
    assert config.image_size == (side, side)
    assert config.backbone.channels == channels
    assert (config.backbone.blocks, config.backbone.window) == (blocks, window)
    assert config.backbone.trained_windows == trained
