"""Names of what makes depth metric, which both releases call alike: bottleneck, bins, heads."""

from __future__ import annotations

from collections.abc import Iterator

from zoedepth_ros.model.config import HeadConfig, ModelConfig
from zoedepth_ros.weights.rules import Rule, first_of_pairs, layer

DATASET = {'indoor': 'nyu', 'outdoor': 'kitti'}
"""Heads by the data set they were trained on, as files name them."""


def metric_rules(
    config: ModelConfig, *, prefix: str, convolutions: tuple[str, str]
) -> Iterator[Rule]:
    """Yield the rules.

    prefix: of every name in the file.  convolutions: what it calls the two of a projector, a seed
    regressor or an attractor.
    """
    yield from layer('bottleneck', f'{prefix}conv2')
    yield from _pair('embeddings.seed', f'{prefix}seed_projector', convolutions)
    for level in range(4):
        yield from _pair(f'embeddings.levels.{level}', f'{prefix}projectors.{level}', convolutions)
    for head in config.heads:
        yield from _head_rules(config, head, prefix, convolutions)


def of_head(config: ModelConfig, head: HeadConfig) -> str:
    """Return what a name of a head's part ends with: '' in a network of one head, else '.nyu'."""
    return f'.{DATASET[head.name]}' if config.router is not None else ''


def _head_rules(
    config: ModelConfig, head: HeadConfig, prefix: str, convolutions: tuple[str, str]
) -> Iterator[Rule]:
    ours, name = f'heads.{head.name}', of_head(config, head)
    seeds = 'seed_bin_regressors' if name else 'seed_bin_regressor'
    yield from _pair(f'{ours}.seeds', f'{prefix}{seeds}{name}', convolutions)
    for level in range(4):
        attractor, theirs = f'{ours}.attractors.{level}.mlp', f'{prefix}attractors{name}.{level}'
        yield from layer(f'{attractor}.0', f'{theirs}.{convolutions[0]}')
        if head.bin_type == 'normed':  # pairs, of which the second has no effect
            yield from layer(f'{attractor}.2', f'{theirs}.{convolutions[1]}', merge=first_of_pairs)
        else:
            yield from layer(f'{attractor}.2', f'{theirs}.{convolutions[1]}')
    binomial = f'{prefix}conditional_log_binomial{name}.mlp'
    yield from layer(f'{ours}.distribution.hidden', f'{binomial}.0')
    yield from layer(f'{ours}.distribution.output', f'{binomial}.2')


def _pair(ours: str, theirs: str, convolutions: tuple[str, str]) -> Iterator[Rule]:
    for index, convolution in zip((0, 2), convolutions, strict=True):
        yield from layer(f'{ours}.{index}', f'{theirs}.{convolution}')
