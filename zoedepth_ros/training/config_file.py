"""Read the settings of a run from a YAML file; unknown keys are errors."""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from zoedepth_ros.errors import quoted, shortened
from zoedepth_ros.files import parse_yaml, read_text
from zoedepth_ros.training.config import Range, TrainingConfig

Settings = TypeVar('Settings')

SHARES = {'flip_probability', 'color_probability', 'router_dropout', 'trim', 'average_decay'}
SHARES |= {'rising_part', 'lowest_momentum', 'highest_momentum'}
"""Keys whose value is at most 1."""
POSITIVE = {'batch_size', 'learning_rate', 'validate_every', 'checkpoint_every', 'steps_per_m'}
POSITIVE |= {'encoder', 'positions', 'decoder', 'heads', 'div_factor', 'final_div_factor'}
"""Keys whose value is not 0."""


def read_config(path: Path | str) -> TrainingConfig:
    """Read the settings of a run.

    Raises ValueError that names the file, the key, the expected and the actual value.
    """
    try:
        values = parse_yaml(read_text(Path(path)), aliases=True)
    except ValueError as error:
        raise ValueError(f'{path} is not YAML: {error}') from error
    return settings(TrainingConfig, values, str(path))


def settings(kind: type[Settings], values: Any, place: str) -> Settings:
    """Build a settings dataclass from plain values.  Raises ValueError that names `place`."""
    if not isinstance(values, Mapping):
        raise ValueError(f'{place}: expected keys and values, got {quoted(values)}')
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(map(str, values)) - set(known))
    if unknown:
        raise ValueError(
            f'{place}: unknown keys {shortened(", ".join(unknown), 200)}; '
            f'the known keys are {", ".join(known)}'
        )
    missing = [
        name
        for name, field in known.items()
        if name not in values and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f'{place}: the keys {", ".join(missing)} are missing')
    hints = typing.get_type_hints(kind)
    read = {key: _value(hints[key], value, f'{place}: {key}') for key, value in values.items()}
    for key in SHARES & set(read):
        if read[key] > 1:
            raise ValueError(f'{place}: {key}: expected 0 to 1, got {read[key]:g}')
    for key in POSITIVE & set(read):
        if read[key] == 0:
            raise ValueError(f'{place}: {key}: expected a number above 0, got 0')
    try:
        return kind(**read)
    except ValueError as error:
        raise ValueError(f'{place}: {error}') from error


def _value(hint: Any, value: Any, place: str) -> Any:
    """Convert a value to the type of its annotation."""
    if is_dataclass(hint):
        return settings(typing.cast(type, hint), value, place)
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _tuple(typing.get_args(hint), value, place)
    if origin is Literal:
        if value not in (choices := typing.get_args(hint)):
            raise ValueError(f'{place}: expected one of {choices}, got {quoted(value)}')
        return value
    if hint is float and isinstance(value, str):
        # YAML reads 1e-4 as text: it wants a point before the exponent.
        value = _number(value)
    if hint in (int, float):
        good = isinstance(value, (int, hint)) and not isinstance(value, bool)
        if not 0 <= _checked(good, hint, value, place) < math.inf:
            raise ValueError(f'{place}: expected a finite number of 0 or more, got {value}')
        return hint(value)
    return _checked(isinstance(value, hint), hint, value, place)


def _tuple(parts: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f'{place}: expected a list, got {quoted(value)}')
    if len(parts) == 2 and parts[1] is Ellipsis:
        parts = (parts[0],) * len(value)
    if len(parts) != len(value):
        raise ValueError(f'{place}: expected {len(parts)} values, got {quoted(value)}')
    read = tuple(
        _value(part, one, f'{place}[{i}]')
        for i, (part, one) in enumerate(zip(parts, value, strict=True))
    )
    if parts == typing.get_args(Range) and read[0] > read[1]:
        raise ValueError(f'{place}: expected [lowest, highest], got {quoted(value)}')
    return read


def _checked(good: bool, hint: Any, value: Any, place: str) -> Any:
    if not good:
        raise ValueError(f'{place}: expected {hint.__name__}, got {quoted(value)}')
    return value


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
