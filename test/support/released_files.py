"""State dicts exactly as in released files, independent of our code.

Names and shapes follow the files of isl-org/ZoeDepth v1.0 and of MiDaS v3.1.
The functions take the sizes from a model's settings.
"""

from __future__ import annotations

import torch

from zoedepth_ros.model.backbones.config import BeitConfig, SwinConfig
from zoedepth_ros.model.config import ModelConfig

Shapes = dict[str, tuple[int, ...]]

_INTEGERS = ('relative_position_index', 'k_idx')


def random_tensors(shapes: Shapes, device: str = 'cpu') -> dict[str, torch.Tensor]:
    """Fill shapes with random numbers (integers where the files have integers)."""
    generator = None if device == 'meta' else torch.Generator().manual_seed(0)
    return {
        name: torch.zeros(shape, dtype=torch.int64, device=device)
        if name.endswith(_INTEGERS)
        else torch.randn(shape, generator=generator, device=device) * 0.1
        for name, shape in shapes.items()
    }


def official_shapes(config: ModelConfig) -> Shapes:
    """Return names and shapes of an official ZoeDepth file."""
    shapes = {f'core.core.{name}': shape for name, shape in midas_shapes(config).items()}
    bins, features = config.bins, config.decoder.features
    _conv(shapes, 'conv2', features, features)
    projector = (features, bins.projector_hidden, bins.embedding_dim)
    _mlp(shapes, 'seed_projector', *projector)
    for i in range(4):
        _mlp(shapes, f'projectors.{i}', *projector)
    for head in ('.nyu', '.kitti') if len(config.heads) == 2 else ('',):
        seeds = 'seed_bin_regressors' if head else 'seed_bin_regressor'
        _mlp(shapes, f'{seeds}{head}', features, bins.seed_hidden, bins.n_bins)
        for i, count in enumerate(bins.n_attractors):
            outputs = 2 * count if config.heads[0].bin_type == 'normed' else count
            sizes = (bins.embedding_dim, bins.attractor_hidden, outputs)
            _mlp(shapes, f'attractors{head}.{i}', *sizes)
        _binomial(shapes, config, f'conditional_log_binomial{head}')
        transform = f'conditional_log_binomial{head}.log_binomial_transform'
        shapes[f'{transform}.k_idx'] = (1, bins.n_bins, 1, 1)
        shapes[f'{transform}.K_minus_1'] = (1, 1, 1, 1)
    if config.router is not None:
        _router(shapes, config)
    return shapes


def midas_shapes(config: ModelConfig) -> Shapes:
    """Return names and shapes of a MiDaS v3.1 file."""
    backbone, decoder = config.backbone, config.decoder
    features, hidden = decoder.features, decoder.relative_hidden
    shapes = _beit(backbone) if isinstance(backbone, BeitConfig) else _swin(backbone)
    for i, channels in enumerate(backbone.channels):
        shapes[f'scratch.layer{i + 1}_rn.weight'] = (features, channels, 3, 3)
        refinenet = f'scratch.refinenet{i + 1}'
        _conv(shapes, f'{refinenet}.out_conv', features, features)
        for unit in ('resConfUnit1', 'resConfUnit2'):
            for conv in ('conv1', 'conv2'):
                _conv(shapes, f'{refinenet}.{unit}.{conv}', features, features, 3)
    _conv(shapes, 'scratch.output_conv.0', features, hidden, 3)
    _conv(shapes, 'scratch.output_conv.2', hidden, decoder.relative_features, 3)
    _conv(shapes, 'scratch.output_conv.4', decoder.relative_features, 1)
    return shapes


def _beit(backbone: BeitConfig) -> Shapes:
    dim = backbone.embed_dim
    shapes: Shapes = {'pretrained.model.cls_token': (1, 1, dim)}
    _conv(shapes, 'pretrained.model.patch_embed.proj', 3, dim, backbone.patch_size)
    rows, columns = backbone.window
    for i in range(backbone.depth):
        block = f'pretrained.model.blocks.{i}'
        for name in ('gamma_1', 'gamma_2'):
            shapes[f'{block}.{name}'] = (dim,)
        table = ((2 * rows - 1) * (2 * columns - 1) + 3, backbone.num_heads)
        shapes[f'{block}.attn.relative_position_bias_table'] = table
        tokens = rows * columns + 1
        shapes[f'{block}.attn.relative_position_index'] = (tokens, tokens)
        _block(shapes, block, dim, backbone.mlp_ratio)
    _norm(shapes, 'pretrained.model.fc_norm', dim)
    _linear(shapes, 'pretrained.model.head', dim, 1000)
    for i, channels in enumerate(backbone.channels):
        stage = f'pretrained.act_postprocess{i + 1}'
        _linear(shapes, f'{stage}.0.project.0', 2 * dim, dim)
        _conv(shapes, f'{stage}.3', dim, channels)
        if i != 2:
            _conv(shapes, f'{stage}.4', channels, channels, (4, 2, 0, 3)[i])
    return shapes


def _swin(backbone: SwinConfig) -> Shapes:
    shapes: Shapes = {}
    dim, side = backbone.embed_dim, backbone.image_side // backbone.patch_size
    _conv(shapes, 'pretrained.model.patch_embed.proj', 3, dim, backbone.patch_size)
    _norm(shapes, 'pretrained.model.patch_embed.norm', dim)
    for i, (depth, heads) in enumerate(zip(backbone.depths, backbone.num_heads, strict=True)):
        stage = f'pretrained.model.layers.{i}'
        for j in range(depth):
            attention = f'{stage}.blocks.{j}.attn'
            if j % 2 and side > backbone.window:  # windows are moved, and masked
                area = backbone.window**2
                shapes[f'{attention}_mask'] = (side * side // area, area, area)
            shapes[f'{attention}.logit_scale'] = (heads, 1, 1)
            _linear(shapes, f'{attention}.cpb_mlp.0', 2, 512)
            shapes[f'{attention}.cpb_mlp.2.weight'] = (heads, 512)
            _block(shapes, f'{stage}.blocks.{j}', dim, backbone.mlp_ratio)
        if i < 3:
            shapes[f'{stage}.downsample.reduction.weight'] = (2 * dim, 4 * dim)
            _norm(shapes, f'{stage}.downsample.norm', 2 * dim)
            dim, side = 2 * dim, side // 2
    _norm(shapes, 'pretrained.model.norm', dim)
    _linear(shapes, 'pretrained.model.head', dim, 1000)
    return shapes


def _block(shapes: Shapes, block: str, dim: int, mlp_ratio: float) -> None:
    for name in ('attn.q_bias', 'attn.v_bias'):
        shapes[f'{block}.{name}'] = (dim,)
    for name in ('norm1', 'norm2'):
        _norm(shapes, f'{block}.{name}', dim)
    shapes[f'{block}.attn.qkv.weight'] = (3 * dim, dim)
    _linear(shapes, f'{block}.attn.proj', dim, dim)
    _linear(shapes, f'{block}.mlp.fc1', dim, int(dim * mlp_ratio))
    _linear(shapes, f'{block}.mlp.fc2', int(dim * mlp_ratio), dim)


def _binomial(shapes: Shapes, config: ModelConfig, name: str) -> None:
    inputs = config.decoder.relative_features + config.bins.embedding_dim
    inputs, factor = (inputs, 4) if len(config.heads) == 2 else (inputs + 1, 2)
    _conv(shapes, f'{name}.mlp.0', inputs, inputs // factor)
    _conv(shapes, f'{name}.mlp.2', inputs // factor, 4)


def _router(shapes: Shapes, config: ModelConfig) -> None:
    router = config.router
    assert router is not None
    dim, wide = router.embed_dim, router.feedforward_dim
    _conv(shapes, 'patch_transformer.embedding_convPxP', config.decoder.features, dim)
    for i in range(router.depth):
        layer = f'patch_transformer.transformer_encoder.layers.{i}'
        shapes[f'{layer}.self_attn.in_proj_weight'] = (3 * dim, dim)
        shapes[f'{layer}.self_attn.in_proj_bias'] = (3 * dim,)
        _linear(shapes, f'{layer}.self_attn.out_proj', dim, dim)
        _linear(shapes, f'{layer}.linear1', dim, wide)
        _linear(shapes, f'{layer}.linear2', wide, dim)
        _norm(shapes, f'{layer}.norm1', dim)
        _norm(shapes, f'{layer}.norm2', dim)
    _linear(shapes, 'mlp_classifier.0', dim, dim)
    _linear(shapes, 'mlp_classifier.2', dim, 2)


def _mlp(shapes: Shapes, name: str, inputs: int, hidden: int, outputs: int) -> None:
    _conv(shapes, f'{name}._net.0', inputs, hidden)
    _conv(shapes, f'{name}._net.2', hidden, outputs)


def _conv(shapes: Shapes, name: str, inputs: int, outputs: int, side: int = 1) -> None:
    shapes[f'{name}.weight'] = (outputs, inputs, side, side)
    shapes[f'{name}.bias'] = (outputs,)


def _linear(shapes: Shapes, name: str, inputs: int, outputs: int) -> None:
    shapes[f'{name}.weight'] = (outputs, inputs)
    shapes[f'{name}.bias'] = (outputs,)


def _norm(shapes: Shapes, name: str, dim: int) -> None:
    shapes[f'{name}.weight'] = shapes[f'{name}.bias'] = (dim,)
