"""How names in a file become ours: rules, and their application."""

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
    """One tensor of ours and where it comes from."""

    target: str
    """Our name."""
    sources: tuple[str, ...]
    """Names in the file."""
    merge: Merge = only
    """Sources, in order, to our tensor."""


def layer(target: str, *sources: str, merge: Merge = only) -> Iterator[Rule]:
    """Yield the rules for the weight and the bias of a layer."""
    for part in ('weight', 'bias'):
        yield Rule(f'{target}.{part}', tuple(f'{name}.{part}' for name in sources), merge)


def convert(
    state_dict: Mapping[str, Tensor], rules: Iterable[Rule], dead: Collection[str] = ()
) -> dict[str, Tensor]:
    """Apply all rules; WeightsError lists names that are missing or that no rule knows.

    dead: names that may be in the file, and that no network of ours needs.
    """
    rules = list(rules)
    needed = {name for rule in rules for name in rule.sources}
    missing = needed - state_dict.keys()
    unknown = state_dict.keys() - needed - set(dead)
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
    """Give the sources back that convert makes our tensors from; what it leaves out is zero."""
    sources: dict[str, Tensor] = {}
    for rule in rules:
        tensor = state_dict[rule.target]
        if rule.merge is first_of_pairs:
            tensor = torch.stack([tensor, torch.zeros_like(tensor)], dim=1).flatten(0, 1)
        parts = tensor.chunk(len(rule.sources))
        sources |= dict(zip(rule.sources, parts, strict=True))
    return sources
