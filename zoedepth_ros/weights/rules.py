"""Rules that translate the keys of a file to ours, and their application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

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


def table_rules(
    table: str, ours: str, theirs: str = '', merge: Merge | None = None
) -> Iterator[Rule]:
    """Yield the rules of a table, whose lines are our key and those of the file, or one for both.

    * is weight and bias.  ours, theirs: prefixes of the keys.  merge: by default, several tensors
    are stacked.
    """
    for line in filter(None, map(str.split, table.splitlines())):
        target, sources = line[0], line[1:] or line
        how = merge or (stacked if len(sources) > 1 else only)
        for part in ('weight', 'bias') if '*' in target else ('',):
            keys = tuple(f'{theirs}{name}'.replace('*', part) for name in sources)
            yield Rule(f'{ours}{target}'.replace('*', part), keys, how)


def sources_of(rules: Iterable[Rule]) -> set[str]:
    """Return all keys of the file that rules use."""
    return {name for rule in rules for name in rule.sources}


def convert(
    state_dict: Mapping[str, Tensor], rules: Iterable[Rule], ignored: Collection[str] = ()
) -> dict[str, Tensor]:
    """Apply all rules.

    ignored: keys of the file without effect.  Raises WeightsError that lists missing and
    unexpected keys.
    """
    rules = list(rules)
    needed = sources_of(rules)
    missing = needed - state_dict.keys()
    unknown = state_dict.keys() - needed - set(ignored)
    problems = [
        listing(what, names)
        for what, names in (('missing', missing), ('not expected', unknown))
        if names
    ]
    if problems:
        raise WeightsError(
            'the tensors in the file are not those of the expected network; ' + '; '.join(problems)
        )
    return {rule.target: _merged(rule, state_dict) for rule in rules}


def _merged(rule: Rule, state_dict: Mapping[str, Tensor]) -> Tensor:
    tensors = [state_dict[name] for name in rule.sources]
    try:
        return rule.merge(tensors)
    except (RuntimeError, IndexError) as error:
        shapes = ', '.join(
            f'{name} {tuple(x.shape)}' for name, x in zip(rule.sources, tensors, strict=True)
        )
        raise WeightsError(
            f'the shapes of tensors in the file do not fit {rule.target}: {shapes}'
        ) from error


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
