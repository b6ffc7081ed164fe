"""What is known of one ROS parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Value = bool | int | float | str | tuple[str, ...]
Changeable = Literal['always', 'inactive', 'start']

MAX_RATE_HZ = 1000.0
MAX_RANGE_M = 1000.0
MAX_SIDE_PX = 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe one ROS parameter."""

    name: str
    """Name in ROS, for example 'depth.rate'."""

    default: Value
    """Value when nobody gives one; its type is the parameter's type."""

    description: str
    """What it does, with the unit."""

    low: float | None = None
    """Smallest value allowed."""

    high: float | None = None
    """Largest value allowed."""

    choices: tuple[str, ...] = ()
    """The only values allowed; empty when free."""

    changeable: Changeable = 'always'
    """'always' (from the next frame on), 'inactive' (not while active) or 'start' (at start)."""

    check: Callable[[Any], str | None] | None = None
    """Give the reason why a value is wrong, or None; for what low, high and choices cannot say."""

    shared: bool = False
    """Whether several cameras have it in common; otherwise each may have a value of its own."""


def parameter(name: str, default: Value, description: str, **limits: Any) -> Any:
    """Make a field of settings that is a ROS parameter; limits: the other fields of Parameter."""
    spec = Parameter(name, default, description, **limits)
    return field(default=default, metadata={'parameter': spec})
