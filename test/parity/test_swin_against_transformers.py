"""Relative depth on a Swin v2, against transformers' DPT: the form of Intel/dpt-swinv2-*."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from tiny_models import DECODER, SWIN, random_image, spread

from zoedepth_ros.model.backbones.config import SwinConfig
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import INDOOR
from zoedepth_ros.model.zoedepth import ZoeDepth

pytest.importorskip('transformers')

CONFIG = ModelConfig(
    'tiny Swin N',
    (64, 64),
    SWIN,
    (INDOOR,),
    dataclasses.replace(DECODER, relative_features=32),  # as theirs cannot be configured
)
SAME = {
    'attention.self.logit_scale': 'attn.logit_scale',
    'attention.self.continuous_position_bias_mlp.': 'attn.cpb_mlp.',
    'attention.self.query.bias': 'attn.q_bias',
    'attention.self.value.bias': 'attn.v_bias',
    'attention.output.dense.': 'attn.proj.',
    'layernorm_before.': 'norm1.',
    'layernorm_after.': 'norm2.',
    'intermediate.dense.': 'mlp.fc1.',
    'output.dense.': 'mlp.fc2.',
}


def transformers_dpt(swin: SwinConfig, seed: int) -> Any:
    """Return their network in eval mode, with spread weights."""
    from transformers import DPTConfig, DPTForDepthEstimation, Swinv2Config

    backbone = Swinv2Config(
        image_size=swin.image_side,
        patch_size=swin.patch_size,
        embed_dim=swin.embed_dim,
        depths=list(swin.depths),
        num_heads=list(swin.num_heads),
        window_size=swin.window,
        pretrained_window_sizes=list(swin.trained_windows),
        mlp_ratio=swin.mlp_ratio,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )
    config = DPTConfig(
        backbone_config=backbone,
        neck_hidden_sizes=list(swin.channels),
        fusion_hidden_size=DECODER.features,
        use_bias_in_fusion_residual=True,
    )
    model = DPTForDepthEstimation(config)
    spread(model, seed)
    model.head.head[4].bias.data.abs_()
    return model.eval()


def our_names(theirs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename their tensors, and stack query, key and value."""
    ours, dead = {}, 'neck.fusion_stage.layers.0.residual_layer1'
    for name, tensor in theirs.items():
        if name.startswith('backbone.encoder.layers.'):
            stage, _, rest = name.removeprefix('backbone.encoder.layers.').partition('.')
            if rest.startswith('downsample.'):
                ours[f'backbone.stages.{int(stage) + 1}.{rest}'] = tensor
                continue
            block, _, rest = rest.removeprefix('blocks.').partition('.')
            known = next((key for key in SAME if rest.startswith(key)), None)
            if known is not None:
                place = f'backbone.stages.{stage}.blocks.{block}'
                ours[f'{place}.{rest.replace(known, SAME[known], 1)}'] = tensor
            elif rest == 'attention.self.query.weight':
                parts = [theirs[name.replace('query', x)] for x in ('query', 'key', 'value')]
                ours[f'backbone.stages.{stage}.blocks.{block}.attn.qkv.weight'] = torch.cat(parts)
        elif not name.startswith(dead):
            ours[_outside(name)] = tensor
    return ours


def _outside(name: str) -> str:
    """Return our name for what is not inside the Swin's stages."""
    for theirs, ours in (
        ('backbone.embeddings.patch_embeddings.projection.', 'backbone.patch_embed.'),
        ('backbone.embeddings.norm.', 'backbone.patch_norm.'),
        ('neck.convs.', 'decoder.reduce.'),
        ('neck.fusion_stage.layers.0.', 'decoder.coarsest.'),
        ('neck.fusion_stage.layers.1.', 'decoder.fusions.0.'),
        ('neck.fusion_stage.layers.2.', 'decoder.fusions.1.'),
        ('neck.fusion_stage.layers.3.', 'decoder.fusions.2.'),
        ('head.head.0.', 'relative_head.conv1.'),
        ('head.head.2.', 'relative_head.conv2.'),
        ('head.head.4.', 'relative_head.conv3.'),
    ):
        name = name.replace(theirs, ours)
    name = name.replace('.projection.', '.project.').replace('.convolution', '.conv')
    name = name.replace('.residual_layer1.', '.refine_skip.')
    return name.replace('.residual_layer2.', '.refine.')


@torch.no_grad()
@pytest.mark.parametrize('seed', [0, 1])
def test_relative_depth_on_a_swin_is_that_of_transformers(seed: int) -> None:
    theirs, ours = transformers_dpt(SWIN, seed), ZoeDepth(CONFIG).eval()
    constants = ('relative_coords_table', 'relative_position_index', 'attn_mask')
    tensors = {k: v for k, v in theirs.state_dict().items() if not k.endswith(constants)}
    loaded = ours.load_state_dict(our_names(tensors), strict=False)
    assert not loaded.unexpected_keys
    parts = ('backbone.', 'decoder.', 'relative_head.')
    assert [name for name in loaded.missing_keys if name.startswith(parts)] == []
    image = random_image(64, 64)
    expected = theirs(image).predicted_depth[:, None]
    assert expected.std() > 1e-2  # the comparison would be empty otherwise
    torch.testing.assert_close(ours.encode(image).relative_depth, expected, rtol=1e-4, atol=1e-5)
