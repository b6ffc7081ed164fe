"""Calibrated uncertainty: from the spread of the bins to a standard deviation of depth in metres.

The bins are trained for their mean only; their spread is a poor measure of the error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from zoedepth_ros.errors import quoted
from zoedepth_ros.files import parse_json, parse_yaml, read_text, write_file

KEY = 'uncertainty'
"""Metadata key of weights and exported files."""
FORMAT = 'zoedepth uncertainty 1'

_FORMAT_KEY, _HEADS_KEY, _FITTED_KEY = 'format', 'heads', 'fitted'


class UncertaintyError(ValueError):
    """A calibration of the uncertainty cannot be used, for the reason in the message."""


@dataclass(frozen=True, slots=True)
class UncertaintyMap:
    """Standard deviation of one head's depth: factor * depth^depth_exponent * s^spread_exponent.

    s is the standard deviation of the bins over depth, limited to the range of the fit.
    """

    factor: float
    depth_exponent: float = 1.0
    """1.0: errors grow in proportion to depth."""
    spread_exponent: float = 1.0
    """1.0: `factor` is a temperature of the bins; negative: wide bins mean small errors."""
    least_spread: float = 1e-3
    most_spread: float = 1e3
    width_68: float = 0.994
    """68 % of the errors are within this many standard deviations; default: normal errors."""
    width_95: float = 1.96

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, float) or not math.isfinite(value):
                raise UncertaintyError(f'{field.name} must be a number, got {quoted(value)}')
        if not self.factor > 0.0:
            raise UncertaintyError(f'factor must be above 0, got {self.factor}')
        for low, high in (('least_spread', 'most_spread'), ('width_68', 'width_95')):
            if not 0.0 < getattr(self, low) <= getattr(self, high):
                values = f'{getattr(self, low)} and {getattr(self, high)}'
                raise UncertaintyError(f'expected 0 < {low} <= {high}, got {values}')
        for name in ('depth_exponent', 'spread_exponent'):
            if abs(getattr(self, name)) > 4.0:
                raise UncertaintyError(f'{name} must be -4 to 4, got {getattr(self, name)}')

    def std_m(self, depth_m: NDArray[np.floating], spread_m: NDArray[np.floating]) -> NDArray[Any]:
        """Return the standard deviation of depth [m].

        depth_m, spread_m: depth above 0 and standard deviation of the bins, as the head gives them
        [m]; NaN stays NaN.
        """
        log_std = spread_m / depth_m
        np.clip(log_std, self.least_spread, self.most_spread, out=log_std)
        np.log(log_std, out=log_std)
        log_std *= self.spread_exponent
        log_depth = np.log(depth_m)
        log_depth *= self.depth_exponent
        log_std += log_depth
        log_std += math.log(self.factor)
        return np.exp(log_std, out=log_std)


UncertaintyMaps = Mapping[str, UncertaintyMap]
"""Head -> map; a head that is not in it is not calibrated."""


def file_beside(weights: Path) -> Path:
    """Return the calibration file of a weights file; its maps precede those in the metadata."""
    return weights.with_suffix('.uncertainty.yaml')


def read_maps(weights: Path, metadata: Mapping[str, str]) -> dict[str, UncertaintyMap]:
    """Return the map of each head in the file beside weights, else in their metadata.

    Raises UncertaintyError, and OSError for a file that cannot be read.
    """
    beside = file_beside(weights)
    try:
        maps = maps_from(parse_json(metadata[KEY])) if metadata.get(KEY) else {}
    except ValueError as error:
        raise UncertaintyError(f'{weights}, metadata {KEY}: {error}') from None
    return {**maps, **(maps_from(read_content(beside)) if beside.exists() else {})}


def read_content(path: Path) -> dict[str, Any]:
    """Return the content of a calibration file.  Raises UncertaintyError and OSError."""
    try:
        content = parse_yaml(read_text(path))
        maps_from(content)
    except ValueError as error:
        raise UncertaintyError(f'{path}: {error}') from None
    return dict(content)


def maps_from(content: Any) -> dict[str, UncertaintyMap]:
    """Return the maps in what `content_of` returned.  Raises UncertaintyError."""
    if not isinstance(content, dict) or content.get(_FORMAT_KEY) != FORMAT:
        raise UncertaintyError(f'expected "{_FORMAT_KEY}: {FORMAT}", got {quoted(content)}')
    heads, fitted = content.get(_HEADS_KEY), content.get(_FITTED_KEY, {})
    other = set(content) - {_FORMAT_KEY, _HEADS_KEY, _FITTED_KEY}
    if other or not (isinstance(heads, dict) and isinstance(fitted, dict)):
        raise UncertaintyError(
            f'expected the keys {_HEADS_KEY} and {_FITTED_KEY}, got {quoted(list(content))}'
        )
    return {head: _map_of(head, entry) for head, entry in heads.items()}


def _map_of(head: Any, entry: Any) -> UncertaintyMap:
    if not isinstance(head, str):
        raise UncertaintyError(f'expected the name of a head, got {quoted(head)}')
    names = {field.name for field in fields(UncertaintyMap)}
    if not isinstance(entry, dict) or set(entry) != names:
        raise UncertaintyError(f'{head}: expected the keys {sorted(names)}, got {quoted(entry)}')
    try:
        values = {k: float(v) if type(v) is int else v for k, v in entry.items()}
        return UncertaintyMap(**values)
    except (UncertaintyError, OverflowError) as error:
        raise UncertaintyError(f'{head}: {error}') from None


def content_of(maps: UncertaintyMaps, fitted: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the content of a file or of metadata; fitted: on what, for people."""
    heads = {head: asdict(fitted_map) for head, fitted_map in maps.items()}
    about = {_FITTED_KEY: dict(fitted)} if fitted else {}
    return {_FORMAT_KEY: FORMAT, **about, _HEADS_KEY: heads}


def write_maps(path: Path, content: Mapping[str, Any]) -> None:
    """Write what `content_of` returned as a YAML file.  Raises OSError."""
    write_file(path, yaml.safe_dump(dict(content), sort_keys=False))
