"""Rules that translate the keys of a file to ours, their application, and those of the heads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoedepth_ros.model.config import HeadConfig, ModelConfig
from zoedepth_ros.weights.errors import WeightsError, listing

Merge = Callable[[list[Tensor]], Tensor]


def only(tensors: list[Tensor]) -> Tensor:
    """Return the one tensor there is."""
    (tensor,) = tensors
    return tensor


def stacked(tensors: list[Tensor]) -> Tensor:
    """Return tensors joined along their first dimension."""
    return torch.cat(tensors)


def first_of_pairs(tensors: list[Tensor]) -> Tensor:
    """Return every other row, from the first on."""
    return only(tensors)[0::2]


@dataclass(frozen=True, slots=True)
class Rule:
    """How to compute one of our tensors from those of a file."""

    target: str
    """Our key."""
    sources: tuple[str, ...]
    """Keys in the file."""
    merge: Merge = only
    """Function from the sources, in order, to our tensor."""


def layer(target: str, *sources: str, merge: Merge = only) -> Iterator[Rule]:
    """Yield the rules for the weight and the bias of a layer."""
    for part in ('weight', 'bias'):
        yield Rule(f'{target}.{part}', tuple(f'{name}.{part}' for name in sources), merge)


def convert(
    state_dict: Mapping[str, Tensor], rules: Iterable[Rule], ignored: Collection[str] = ()
) -> dict[str, Tensor]:
    """Apply all rules.

    ignored: keys of the file without effect.  Raises WeightsError that lists missing and
    unexpected keys.
    """
    rules = list(rules)
    needed = {name for rule in rules for name in rule.sources}
    missing = needed - state_dict.keys()
    unknown = state_dict.keys() - needed - set(ignored)
    problems = [
        listing(what, names)
        for what, names in (('missing', missing), ('not expected', unknown))
        if names
    ]
    if problems:
        raise WeightsError('the tensors are not those of this network; ' + '; '.join(problems))
    return {rule.target: _merged(rule, state_dict) for rule in rules}


def _merged(rule: Rule, state_dict: Mapping[str, Tensor]) -> Tensor:
    tensors = [state_dict[name] for name in rule.sources]
    try:
        return rule.merge(tensors)
    except (RuntimeError, IndexError) as error:
        shapes = ', '.join(
            f'{name} {tuple(x.shape)}' for name, x in zip(rule.sources, tensors, strict=True)
        )
        raise WeightsError(f'wrong shape, they do not fit together: {shapes}') from error


def invert(state_dict: Mapping[str, Tensor], rules: Iterable[Rule]) -> dict[str, Tensor]:
    """Return the tensors from which `convert` computes ours; parts that it discards are zero."""
    sources: dict[str, Tensor] = {}
    for rule in rules:
        tensor = state_dict[rule.target]
        if rule.merge is first_of_pairs:
            tensor = torch.stack([tensor, torch.zeros_like(tensor)], dim=1).flatten(0, 1)
        parts = tensor.chunk(len(rule.sources))
        sources |= dict(zip(rule.sources, parts, strict=True))
    return sources


DATASET = {'indoor': 'nyu', 'outdoor': 'kitti'}
"""Head -> data set in the keys of files."""


def metric_rules(
    config: ModelConfig, *, prefix: str, convolutions: tuple[str, str]
) -> Iterator[Rule]:
    """Yield the rules for bottleneck, embeddings and heads, which both releases name alike.

    prefix: of every key in the file.  convolutions: names of the two convolutions of a projector,
    a seed regressor or an attractor.
    """
    yield from layer('bottleneck', f'{prefix}conv2')
    yield from _pair('embeddings.seed', f'{prefix}seed_projector', convolutions)
    for level in range(4):
        yield from _pair(f'embeddings.levels.{level}', f'{prefix}projectors.{level}', convolutions)
    for head in config.heads:
        yield from _head_rules(config, head, prefix, convolutions)


def of_head(config: ModelConfig, head: HeadConfig) -> str:
    """Return the suffix of a head in keys of the file: '' for a single head, else '.nyu'."""
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
        if head.bin_type == 'normed':  # pairs; the second of each has no effect
            yield from layer(f'{attractor}.2', f'{theirs}.{convolutions[1]}', merge=first_of_pairs)
        else:
            yield from layer(f'{attractor}.2', f'{theirs}.{convolutions[1]}')
    binomial = f'{prefix}conditional_log_binomial{name}.mlp'
    yield from layer(f'{ours}.distribution.hidden', f'{binomial}.0')
    yield from layer(f'{ours}.distribution.output', f'{binomial}.2')


def _pair(ours: str, theirs: str, convolutions: tuple[str, str]) -> Iterator[Rule]:
    for index, convolution in zip((0, 2), convolutions, strict=True):
        yield from layer(f'{ours}.{index}', f'{theirs}.{convolution}')
