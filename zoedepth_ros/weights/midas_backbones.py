"""Names of the backbones in files of MiDaS v3.1, and of all that was trained from them."""

from __future__ import annotations

from collections.abc import Iterator

from zoedepth_ros.model.backbones.config import BackboneConfig, BeitConfig, LiteConfig, SwinConfig
from zoedepth_ros.weights.rules import Rule, layer


def backbone_rules(config: BackboneConfig, encoder: str) -> Iterator[Rule]:
    """Yield the rules for all that stands under `encoder` in a file."""
    match config:
        case BeitConfig():
            yield from _beit_rules(config, encoder)
        case SwinConfig():
            yield from _swin_rules(config, f'{encoder}.model')
        case LiteConfig():
            return  # MiDaS v3.1 has none that was published in its files


def backbone_dead(config: BackboneConfig, encoder: str) -> set[str]:
    """Return names under `encoder` that have no effect."""
    match config:
        case BeitConfig():
            return _beit_dead(config, f'{encoder}.model')
        case SwinConfig():
            return _swin_dead(config, f'{encoder}.model')
        case LiteConfig():
            return set()


def _beit_rules(config: BeitConfig, encoder: str) -> Iterator[Rule]:
    yield Rule('backbone.cls_token', (f'{encoder}.model.cls_token',))
    yield from layer('backbone.patch_embed', f'{encoder}.model.patch_embed.proj')
    for index in range(config.depth):
        ours, theirs = f'backbone.blocks.{index}', f'{encoder}.model.blocks.{index}'
        yield from _block_rules(ours, theirs, ('gamma_1', 'gamma_2'))
        table = f'{theirs}.attn.relative_position_bias_table'
        yield Rule(f'backbone.position_tables.{index}', (table,))
    for level in range(4):
        ours, theirs = f'backbone.reassemble.{level}', f'{encoder}.act_postprocess{level + 1}'
        yield from layer(f'{ours}.readout.0', f'{theirs}.0.project.0')
        yield from layer(f'{ours}.project', f'{theirs}.3')
        if level != 2:
            yield from layer(f'{ours}.resample', f'{theirs}.4')


def _beit_dead(config: BeitConfig, model: str) -> set[str]:
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
        yield from _block_rules(ours, theirs, ('attn.logit_scale', 'attn.cpb_mlp.2.weight'))
        yield from layer(f'{ours}.attn.cpb_mlp.0', f'{theirs}.attn.cpb_mlp.0')
    for stage in (1, 2, 3):
        # What halves the map begins a stage here; there it ends the one before.
        ours, theirs = f'backbone.stages.{stage}.downsample', f'{model}.layers.{stage - 1}'
        theirs = f'{theirs}.downsample'
        yield Rule(f'{ours}.reduction.weight', (f'{theirs}.reduction.weight',))
        yield from layer(f'{ours}.norm', f'{theirs}.norm')


def _swin_dead(config: SwinConfig, model: str) -> set[str]:
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


def _block_rules(ours: str, theirs: str, further: tuple[str, ...]) -> Iterator[Rule]:
    for name in (*further, 'attn.q_bias', 'attn.v_bias', 'attn.qkv.weight'):
        yield Rule(f'{ours}.{name}', (f'{theirs}.{name}',))
    for name in ('norm1', 'norm2', 'attn.proj', 'mlp.fc1', 'mlp.fc2'):
        yield from layer(f'{ours}.{name}', f'{theirs}.{name}')


def _both(name: str) -> set[str]:
    return {f'{name}.weight', f'{name}.bias'}
