"""Every parameter of the node, in one table: name, default, limits, description.

The table is a frozen dataclass, put together from those in `settings/`, so that a default and a
description exist once; one instance is one consistent set of settings, swapped as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from zoedepth_ros.pipeline.parameter import (
    MAX_RANGE_M,
    MAX_RATE_HZ,
    Parameter,
    Value,
    field_names,
    parameter,
    table_of,
    with_values,
)
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.ros.settings.network import NetworkSettings


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
class NodeSettings(NetworkSettings, PipelineSettings):
    """Hold one consistent set of the node's parameters; each field names its ROS parameter."""

    image_transport: str = parameter(
        'image_transport',
        'raw',
        "Transport of the images: 'raw' subscribes to the image topic, 'compressed' to its "
        '/compressed sibling.',
        choices=('raw', 'compressed'),
        changeable='inactive',
    )
    max_image_age_s: float = parameter(
        'max_image_age',
        0.5,
        "Images older than this, or as far ahead of the node's clock, are dropped and counted "
        '[s]; 0.0 accepts any.',
        low=0.0,
        high=3600.0,
    )
    compressed_depth_max_m: float = parameter(
        'depth.image.compressedDepth.depth_max',
        100.0,
        'Depth above this value is invalid in depth/image/compressedDepth [m].',
        low=1.0,
        high=MAX_RANGE_M,
    )
    compressed_depth_quantization: float = parameter(
        'depth.image.compressedDepth.depth_quantization',
        100.0,
        'Depth at which the resolution of 32FC1 in depth/image/compressedDepth is 1 m [m]; at '
        'half of it the resolution is 0.25 m.',
        low=1.0,
        high=150.0,
    )
    compressed_depth_png_level: int = parameter(
        'depth.image.compressedDepth.png_level',
        3,
        'PNG level of depth/image/compressedDepth: 0 does not compress, 1 is fast, 9 is small and '
        'very slow.',
        low=0,
        high=9,
    )
    color_jpeg_quality: int = parameter(
        'depth.color.compressed.jpeg_quality',
        95,
        'JPEG quality of depth/color/compressed, 1 to 100.',
        low=1,
        high=100,
    )
    scan_frame_id: str = parameter(
        'scan.frame_id',
        '',
        'Level frame of the scan, x forward and z up, whose transform others publish; empty uses '
        '<optical frame>_scan at the camera, whose transform the node publishes.',
    )

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
        PipelineSettings.__post_init__(self)
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
_FIELD_NAMES = field_names(NodeSettings)
TABLE: Mapping[str, Parameter] = table_of(NodeSettings)
TAKEN_NAMES = {name.partition('.')[0] for name in TABLE} | {'image', 'domain', 'reference'}
"""Names that no camera can have: its parameters and topics begin with its name."""


def settings_from(values: Mapping[str, Value], base: NodeSettings | None = None) -> NodeSettings:
    """Return settings with these values, by ROS name; others as in `base`.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    return with_values(NodeSettings() if base is None else base, values)


def why_fixed(before: NodeSettings, after: NodeSettings, *, active: bool) -> str | None:
    """Give the reason why settings cannot change in this way now, or None when they can."""
    for name, spec in TABLE.items():
        field_name = _FIELD_NAMES[name]
        same = getattr(before, field_name) == getattr(after, field_name)
        if same or spec.changeable == 'always':
            continue
        if spec.changeable == 'start':
            return f'{name} is read at start only: set it in the launch or parameter file'
        if active:
            return f'{name} is fixed while the node is active: deactivate it first'
    return None
