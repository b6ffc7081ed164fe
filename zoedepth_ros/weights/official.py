"""Names in the files of isl-org/ZoeDepth and isl-org/MiDaS v3.1."""

from __future__ import annotations

from collections.abc import Iterator

from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.weights.metric_rules import metric_rules, of_head
from zoedepth_ros.weights.midas_backbones import backbone_dead, backbone_rules
from zoedepth_ros.weights.rules import Rule, layer


def official_rules(config: ModelConfig) -> Iterator[Rule]:
    """Yield the rules for a file of ZoeDepth."""
    yield from midas_rules(config, 'core.core.')
    yield from metric_rules(config, prefix='', convolutions=('_net.0', '_net.2'))
    if config.router is not None:
        yield from _router_rules(config.router.depth)


def official_dead(config: ModelConfig) -> set[str]:
    """Return names in a file of ZoeDepth that have no effect."""
    names = midas_dead(config, 'core.core.')
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


def midas_dead(config: ModelConfig, prefix: str = '') -> set[str]:
    """Return names in a file of MiDaS that have no effect."""
    unit = f'{prefix}scratch.refinenet4.resConfUnit1'
    unused = {f'{unit}.conv{i}.{part}' for i in (1, 2) for part in ('weight', 'bias')}
    return unused | backbone_dead(config.backbone, f'{prefix}pretrained')


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
