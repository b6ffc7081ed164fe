"""Keys in the files of isl-org/ZoeDepth and isl-org/MiDaS v3.1."""

from __future__ import annotations

from collections.abc import Iterator

from zoedepth_ros.model.backbones.config import BackboneConfig, BeitConfig, LiteConfig, SwinConfig
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.weights.rules import Rule, layer, metric_rules, of_head


def official_rules(config: ModelConfig) -> Iterator[Rule]:
    """Yield the rules for a file of ZoeDepth."""
    yield from midas_rules(config, 'core.core.')
    yield from metric_rules(config, prefix='', convolutions=('_net.0', '_net.2'))
    if config.router is not None:
        yield from _router_rules(config.router.depth)


def official_ignored_keys(config: ModelConfig) -> set[str]:
    """Return keys in a file of ZoeDepth that have no effect."""
    names = midas_ignored_keys(config, 'core.core.')
    for head in config.heads:
        transform = f'conditional_log_binomial{of_head(config, head)}.log_binomial_transform'
        names |= {f'{transform}.k_idx', f'{transform}.K_minus_1'}
    return names


def midas_rules(config: ModelConfig, prefix: str = '') -> Iterator[Rule]:
    """Yield the rules for a file of MiDaS: backbone, decoder and relative head."""
    encoder, scratch = f'{prefix}pretrained', f'{prefix}scratch'
    yield from backbone_rules(config.backbone, encoder)
    for level in range(4):
        yield Rule(f'decoder.reduce.{level}.weight', (f'{scratch}.layer{level + 1}_rn.weight',))
    yield from _fusion_rules('decoder.coarsest', f'{scratch}.refinenet4')
    for index in range(3):
        fusion, refinenet = f'decoder.fusions.{index}', f'{scratch}.refinenet{3 - index}'
        yield from _fusion_rules(fusion, refinenet)
        yield from _unit_rules(f'{fusion}.refine_skip', f'{refinenet}.resConfUnit1')
    for index in (1, 2, 3):
        yield from layer(f'relative_head.conv{index}', f'{scratch}.output_conv.{2 * index - 2}')


def midas_ignored_keys(config: ModelConfig, prefix: str = '') -> set[str]:
    """Return keys in a file of MiDaS that have no effect."""
    unit = f'{prefix}scratch.refinenet4.resConfUnit1'
    unused = {f'{unit}.conv{i}.{part}' for i in (1, 2) for part in ('weight', 'bias')}
    return unused | backbone_ignored_keys(config.backbone, f'{prefix}pretrained')


def _fusion_rules(ours: str, theirs: str) -> Iterator[Rule]:
    yield from layer(f'{ours}.project', f'{theirs}.out_conv')
    yield from _unit_rules(f'{ours}.refine', f'{theirs}.resConfUnit2')


def _unit_rules(ours: str, theirs: str) -> Iterator[Rule]:
    for index in (1, 2):
        yield from layer(f'{ours}.conv{index}', f'{theirs}.conv{index}')


def _router_rules(depth: int) -> Iterator[Rule]:
    yield from layer('router.embed', 'patch_transformer.embedding_convPxP')
    for index in range(depth):
        ours = f'router.layers.{index}'
        theirs = f'patch_transformer.transformer_encoder.layers.{index}'
        for part in ('weight', 'bias'):
            yield Rule(f'{ours}.qkv.{part}', (f'{theirs}.self_attn.in_proj_{part}',))
        yield from layer(f'{ours}.project', f'{theirs}.self_attn.out_proj')
        for name in ('linear1', 'linear2', 'norm1', 'norm2'):
            yield from layer(f'{ours}.{name}', f'{theirs}.{name}')
    for index in (0, 2):
        yield from layer(f'router.classify.{index}', f'mlp_classifier.{index}')


def backbone_rules(config: BackboneConfig, encoder: str) -> Iterator[Rule]:
    """Yield the rules for the keys below `encoder` in a file."""
    match config:
        case BeitConfig():
            yield from _beit_rules(config, encoder)
        case SwinConfig():
            yield from _swin_rules(config, f'{encoder}.model')
        case LiteConfig():
            return  # the published files of MiDaS v3.1 have no such backbone


def backbone_ignored_keys(config: BackboneConfig, encoder: str) -> set[str]:
    """Return keys below `encoder` that have no effect."""
    match config:
        case BeitConfig():
            return _beit_ignored_keys(config, f'{encoder}.model')
        case SwinConfig():
            return _swin_ignored_keys(config, f'{encoder}.model')
        case LiteConfig():
            return set()


def _beit_rules(config: BeitConfig, encoder: str) -> Iterator[Rule]:
    yield Rule('backbone.cls_token', (f'{encoder}.model.cls_token',))
    yield from layer('backbone.patch_embed', f'{encoder}.model.patch_embed.proj')
    for index in range(config.depth):
        ours, theirs = f'backbone.blocks.{index}', f'{encoder}.model.blocks.{index}'
        yield from _encoder_block_rules(ours, theirs, ('gamma_1', 'gamma_2'))
        table = f'{theirs}.attn.relative_position_bias_table'
        yield Rule(f'backbone.position_tables.{index}', (table,))
    for level in range(4):
        ours, theirs = f'backbone.reassemble.{level}', f'{encoder}.act_postprocess{level + 1}'
        yield from layer(f'{ours}.readout.0', f'{theirs}.0.project.0')
        yield from layer(f'{ours}.project', f'{theirs}.3')
        if level != 2:
            yield from layer(f'{ours}.resample', f'{theirs}.4')


def _beit_ignored_keys(config: BeitConfig, model: str) -> set[str]:
    indices = {
        f'{model}.blocks.{block}.attn.relative_position_index' for block in range(config.depth)
    }
    return indices | _both(f'{model}.fc_norm') | _both(f'{model}.head')


def _swin_rules(config: SwinConfig, model: str) -> Iterator[Rule]:
    yield from layer('backbone.patch_embed', f'{model}.patch_embed.proj')
    yield from layer('backbone.patch_norm', f'{model}.patch_embed.norm')
    for stage, block in _swin_blocks(config):
        ours, theirs = f'backbone.stages.{stage}.blocks.{block}', f'{model}.layers.{stage}'
        theirs = f'{theirs}.blocks.{block}'
        yield from _encoder_block_rules(
            ours, theirs, ('attn.logit_scale', 'attn.cpb_mlp.2.weight')
        )
        yield from layer(f'{ours}.attn.cpb_mlp.0', f'{theirs}.attn.cpb_mlp.0')
    for stage in (1, 2, 3):
        # Downsampling is the first layer of a stage here, the last of the previous one there.
        ours, theirs = f'backbone.stages.{stage}.downsample', f'{model}.layers.{stage - 1}'
        theirs = f'{theirs}.downsample'
        yield Rule(f'{ours}.reduction.weight', (f'{theirs}.reduction.weight',))
        yield from layer(f'{ours}.norm', f'{theirs}.norm')


def _swin_ignored_keys(config: SwinConfig, model: str) -> set[str]:
    names = _both(f'{model}.norm') | _both(f'{model}.head')
    constants = ('relative_coords_table', 'relative_position_index', 'k_bias')
    for stage, block in _swin_blocks(config):
        theirs = f'{model}.layers.{stage}.blocks.{block}'
        names |= {f'{theirs}.attn_mask', *(f'{theirs}.attn.{name}' for name in constants)}
    return names


def _swin_blocks(config: SwinConfig) -> Iterator[tuple[int, int]]:
    for stage, depth in enumerate(config.depths):
        for block in range(depth):
            yield stage, block


def _encoder_block_rules(ours: str, theirs: str, further: tuple[str, ...]) -> Iterator[Rule]:
    for name in (*further, 'attn.q_bias', 'attn.v_bias', 'attn.qkv.weight'):
        yield Rule(f'{ours}.{name}', (f'{theirs}.{name}',))
    for name in ('norm1', 'norm2', 'attn.proj', 'mlp.fc1', 'mlp.fc2'):
        yield from layer(f'{ours}.{name}', f'{theirs}.{name}')


def _both(name: str) -> set[str]:
    return {f'{name}.weight', f'{name}.bias'}
