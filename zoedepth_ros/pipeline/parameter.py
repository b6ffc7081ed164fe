"""Describe settings once: name, unit, range, default, description; check values against that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, TypeVar

from zoedepth_ros.errors import quoted

Value = bool | int | float | str | tuple[str, ...]
Changeable = Literal['always', 'inactive', 'start']
Settings = TypeVar('Settings')

MAX_RATE_HZ = 1000.0
MAX_RANGE_M = 1000.0
MAX_SIDE_PX = 4096

_ROS_NAMES = {
    bool: 'a bool',
    int: 'an integer',
    float: 'a double',
    str: 'a string',
    tuple: 'a list of strings',
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe one setting."""

    name: str
    """Name of the ROS parameter, for example 'depth.rate'."""

    default: Value
    """Default value; its type is the parameter's type."""

    description: str
    """What it is, its unit in brackets, and what special values mean."""

    limits: tuple[float, float] | None = None
    """Smallest and largest value allowed; None for any."""

    choices: tuple[str, ...] = ()
    """The only values allowed; empty for any."""

    changeable: Changeable = 'always'
    """When the node accepts a change: 'always' (holds from the next image on), 'inactive' (not
    while the node is active) or 'start' (read at start only)."""

    check: Callable[[Any], str | None] | None = None
    """Return why a value is wrong, or None; for what limits and choices cannot express."""

    shared: bool = False
    """Whether all cameras of a node share the value; otherwise each may have its own."""

    @property
    def unit(self) -> str:
        """Unit of the value, from the description; '' for a number without one."""
        found = re.search(r'\[([^\],]+)', self.description)
        return found.group(1) if found else ''

    @property
    def option(self) -> str:
        """Name of the command-line option, for example '--depth-rate'."""
        return '--' + re.sub(r'[._]', '-', self.name)

    def parse(self, text: str) -> Value:
        """Return the value that a text on the command line stands for.

        Raises ValueError naming the parameter, what was expected and what came.
        """
        kind = type(self.default)
        value: Value = text
        try:
            if kind is bool:
                value = {'true': True, 'false': False}[text.lower()]
            elif kind in (int, float):
                value = kind(text)  # type: ignore[assignment, arg-type, call-overload]
            elif kind is tuple:
                value = tuple(part for part in text.split(',') if part)
        except (KeyError, ValueError):
            raise ValueError(f'{self.name} must be {_ROS_NAMES[kind]}, got {text!r}') from None
        reason = why_wrong(self, value)
        if reason is not None:
            raise ValueError(reason)
        return value


def parameter(name: str, default: Value, description: str, **options: Any) -> Any:
    """Make a dataclass field that is a parameter; options: the other fields of Parameter."""
    spec = Parameter(name, default, description, **options)
    return field(default=default, metadata={'parameter': spec})


@cache
def table_of(settings: type) -> dict[str, Parameter]:
    """Return the parameters of a settings class by name."""
    return {f.metadata['parameter'].name: f.metadata['parameter'] for f in fields(settings)}


@cache
def field_names(settings: type) -> dict[str, str]:
    """Return the names of the fields of a settings class by name of the parameter."""
    return {f.metadata['parameter'].name: f.name for f in fields(settings)}


def with_values(base: Settings, values: Mapping[str, Any]) -> Settings:
    """Return settings with other values, by name of the parameter.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    kind: type = type(base)
    table, names = table_of(kind), field_names(kind)
    changes: dict[str, Any] = {}
    for name, given in values.items():
        value = tuple(given) if isinstance(given, list) else given
        if name not in table:
            raise ValueError(f'{name} is not a parameter')
        reason = why_wrong(table[name], value)
        if reason is not None:
            raise ValueError(reason)
        changes[names[name]] = value
    return replace(base, **changes)  # type: ignore[type-var]


def why_wrong(spec: Parameter, value: Value) -> str | None:
    """Return why a value does not fit a parameter, or None when it does."""
    expected = type(spec.default)
    if type(value) is not expected:
        hint = f': write {quoted(value)}.0' if expected is float and type(value) is int else ''
        return f'{spec.name} must be {_ROS_NAMES[expected]}, got {quoted(value)}{hint}'
    if isinstance(value, float) and not math.isfinite(value):
        return f'{spec.name} must be a finite number, got {value}'
    if isinstance(value, str) and '\0' in value:
        return f'{spec.name} must be text without a zero byte, got {quoted(value)}'
    if isinstance(value, tuple) and not all(isinstance(part, str) for part in value):
        return f'{spec.name} must be a list of strings, got {list(value)}'
    if spec.choices and value not in spec.choices:
        return f'{spec.name} must be one of {", ".join(spec.choices)}, got {quoted(value)}'
    if spec.limits is not None and isinstance(value, (int, float)):
        low, high = spec.limits
        if not low <= value <= high:
            limit = f'at least {low}' if value < low else f'at most {high}'
            return f'{spec.name} must be {limit}, got {quoted(value)}{_in_rad(spec, value)}'
    reason = spec.check(value) if spec.check is not None else None
    return None if reason is None else f'{spec.name} {reason}, got {quoted(value)}'


def _in_rad(spec: Parameter, value: float) -> str:
    """Convert an angle that was given in degrees, for an error; '' for other quantities."""
    if spec.unit != 'rad' or abs(value) > 360.0:
        return ''
    return f': {value:g} degrees are {math.radians(value):.4f} rad'
