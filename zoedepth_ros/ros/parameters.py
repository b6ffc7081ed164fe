"""Every parameter of the node, in one table: name, default, limits, description.

The table is a frozen dataclass, put together from those in `settings/`, so that a default and a
description exist once; one instance is one consistent set of settings, swapped as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from zoedepth_ros.ros.settings.depth import DepthSettings
from zoedepth_ros.ros.settings.network import NetworkSettings
from zoedepth_ros.ros.settings.parameter import MAX_RATE_HZ, Parameter, Value, parameter
from zoedepth_ros.ros.settings.pictures import PictureSettings
from zoedepth_ros.ros.settings.space import SpaceSettings


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """Hold what the predictor is made from."""

    model: str
    """Preset, for example 'ZoeD_M12_NK'."""

    weights: str
    """'' for the released weights, a path, or 'random'."""

    backend: str
    """'torch', or a runtime for an exported file: 'onnxruntime', 'openvino', 'tensorrt'."""

    device: str
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""

    precision: str
    """'auto', 'fp32', 'bf16' or 'fp16'."""

    optimization: str
    """'auto', 'off' or 'compile'."""

    network_height: int
    """Height the network sees [px]; 0 for the model's own."""

    network_width: int
    """Width the network sees [px]; 0 for the model's own."""

    flip_augmentation: bool
    """Whether to average with the mirrored picture."""

    pad_input: bool
    """Whether to prepare pictures as the original `infer` does (padding, aspect kept)."""


@dataclass(frozen=True, slots=True)
class NodeSettings(NetworkSettings, PictureSettings, DepthSettings, SpaceSettings):
    """Hold one consistent set of the node's parameters; each field names its ROS parameter."""

    warn_no_input_s: float = parameter(
        'diagnostics.warn_no_input',
        2.0,
        'Without images for this long, while an output has a subscriber, the state is '
        'STATE_NO_INPUT, a WARN, and the log says what the graph shows [s].',
        low=0.1,
        high=3600.0,
    )
    error_no_input_s: float = parameter(
        'diagnostics.error_no_input',
        10.0,
        'Without images for this long, while an output has a subscriber, is an ERROR [s]; 0.0 is '
        'never.',
        low=0.0,
        high=3600.0,
    )
    warn_age_s: float = parameter(
        'diagnostics.warn_age',
        0.0,
        '95th percentile of the age of published depth that is a WARN [s]; 0.0 is never.',
        low=0.0,
        high=3600.0,
    )
    error_age_s: float = parameter(
        'diagnostics.error_age',
        0.0,
        '95th percentile of the age of published depth that is an ERROR [s]; 0.0 is never.',
        low=0.0,
        high=3600.0,
    )
    warn_rate_hz: float = parameter(
        'diagnostics.warn_rate',
        0.0,
        'Fewer depth images than this, while they have a subscriber, are a WARN [Hz]; 0.0 is '
        'never.',
        low=0.0,
        high=MAX_RATE_HZ,
    )
    error_rate_hz: float = parameter(
        'diagnostics.error_rate',
        0.0,
        'Fewer depth images than this, while they have a subscriber, are an ERROR [Hz]; 0.0 is '
        'never.',
        low=0.0,
        high=MAX_RATE_HZ,
    )
    warn_drops: float = parameter(
        'diagnostics.warn_drops',
        0.0,
        'A larger share of pictures dropped for a fault in the last second is a WARN, 0 to 1.',
        low=0.0,
        high=1.0,
    )
    error_drops: float = parameter(
        'diagnostics.error_drops',
        0.9,
        'A larger share of pictures dropped for a fault in the last second is an ERROR, 0 to 1.',
        low=0.0,
        high=1.0,
    )
    warn_memory_mb: float = parameter(
        'diagnostics.warn_memory',
        0.0,
        'More memory of the process than this is a WARN [MB]; 0.0 is never.',
        low=0.0,
        high=1e6,
        shared=True,
    )
    warn_shared_memory_mb: float = parameter(
        'diagnostics.warn_shared_memory',
        4.0,
        'Less free space than this in /dev/shm, through which Fast DDS passes images, is a WARN '
        '[MB]; 0.0 is never.',
        low=0.0,
        high=1e6,
        shared=True,
    )

    def __post_init__(self) -> None:
        if 0.0 < self.depth_max_m <= self.depth_min_m:
            raise ValueError(
                f'depth.max must be 0.0 or more than depth.min: got {self.depth_max_m} m '
                f'with depth.min {self.depth_min_m} m'
            )
        if self.obstacles_max_height_m <= self.obstacles_min_height_m:
            raise ValueError(
                f'obstacles.max_height must be more than obstacles.min_height: got '
                f'{self.obstacles_max_height_m} m with {self.obstacles_min_height_m} m'
            )

        taken = sorted(set(self.cameras) & TAKEN_NAMES)
        if taken:
            raise ValueError(
                f'cameras must not be called as parameters and topics are: {taken[0]}'
            )

    @property
    def predictor(self) -> PredictorSettings:
        """What the predictor is made from."""
        return PredictorSettings(**{f.name: getattr(self, f.name) for f in _PREDICTOR_FIELDS})


_PREDICTOR_FIELDS = fields(PredictorSettings)
_FIELD_BY_NAME = {f.metadata['parameter'].name: f.name for f in fields(NodeSettings)}
TABLE: Mapping[str, Parameter] = {
    f.metadata['parameter'].name: f.metadata['parameter'] for f in fields(NodeSettings)
}
TAKEN_NAMES = {name.partition('.')[0] for name in TABLE} | {'image', 'domain', 'reference'}
"""What no camera can be called: its parameters and topics begin with its name."""


def settings_from(values: Mapping[str, Value], base: NodeSettings | None = None) -> NodeSettings:
    """Put values, by ROS name, into settings; the rest stays as in `base`.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    plain = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    for name, value in plain.items():
        reason = why_wrong(TABLE[name], value)
        if reason is not None:
            raise ValueError(reason)
    changes: dict[str, Any] = {_FIELD_BY_NAME[name]: value for name, value in plain.items()}
    return replace(NodeSettings() if base is None else base, **changes)


_ROS_NAMES = {
    bool: 'bool',
    int: 'integer',
    float: 'double',
    str: 'string',
    tuple: 'list of strings',
}


def why_wrong(spec: Parameter, value: Value) -> str | None:
    """Give the reason why a value does not fit a parameter, or None when it does."""
    expected = type(spec.default)
    if type(value) is not expected:
        hint = f': write {float(value)}' if expected is float and type(value) is int else ''
        return f'{spec.name} must be a {_ROS_NAMES[expected]}, got {value!r}{hint}'
    if isinstance(value, float) and not math.isfinite(value):
        return f'{spec.name} must be a finite number, got {value}'
    if isinstance(value, str) and '\0' in value:
        return f'{spec.name} must be text without a zero byte, got {value!r}'
    if isinstance(value, tuple) and not all(isinstance(part, str) for part in value):
        return f'{spec.name} must be a list of strings, got {list(value)}'
    if spec.choices and value not in spec.choices:
        return f'{spec.name} must be one of {", ".join(spec.choices)}, got {value!r}'
    if isinstance(value, (int, float)):
        if spec.low is not None and value < spec.low:
            return f'{spec.name} must be at least {spec.low}, got {value}{_in_rad(spec, value)}'
        if spec.high is not None and value > spec.high:
            return f'{spec.name} must be at most {spec.high}, got {value}{_in_rad(spec, value)}'
    reason = spec.check(value) if spec.check is not None else None
    return None if reason is None else f'{spec.name} {reason}, got {value!r}'


def _in_rad(spec: Parameter, value: float) -> str:
    """Say what an angle would be that somebody gave in degrees; '' for what is no angle."""
    if '[rad' not in spec.description or abs(value) > 360.0:
        return ''
    return f': {value:g} degrees are {math.radians(value):.4f} rad'


def why_fixed(before: NodeSettings, after: NodeSettings, *, active: bool) -> str | None:
    """Give the reason why settings cannot change in this way now, or None when they can."""
    for name, spec in TABLE.items():
        field_name = _FIELD_BY_NAME[name]
        same = getattr(before, field_name) == getattr(after, field_name)
        if same or spec.changeable == 'always':
            continue
        if spec.changeable == 'start':
            return f'{name} is read at start only: set it in the launch or parameter file'
        if active:
            return f'{name} is fixed while the node is active: deactivate it first'
    return None
