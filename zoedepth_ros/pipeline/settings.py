"""Depth itself: rate, encoding, range, scale, filters."""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.ros.settings.parameter import MAX_RANGE_M, MAX_RATE_HZ, parameter


@dataclass(frozen=True)
class DepthSettings:
    """How depth is made metric, what of it is kept, and how it is published."""

    __slots__ = ()
    depth_rate_hz: float = parameter(
        'depth.rate',
        0.0,
        'Depth images per second [Hz]; 0.0 follows the camera.',
        low=0.0,
        high=MAX_RATE_HZ,
    )
    depth_encoding: str = parameter(
        'depth.encoding',
        '32FC1',
        'Encoding of depth/image: 32FC1 is metres, 16UC1 millimetres with 0 for invalid.',
        choices=('32FC1', '16UC1'),
    )
    depth_min_m: float = parameter(
        'depth.min', 0.1, 'Nearer is -Inf in depth/image [m].', low=0.0, high=MAX_RANGE_M
    )
    depth_max_m: float = parameter(
        'depth.max',
        0.0,
        'Farther is +Inf in depth/image [m], no point, neither marked nor cleared; 0.0 leaves the '
        "head's own range.",
        low=0.0,
        high=MAX_RANGE_M,
    )
    depth_scale: float = parameter(
        'depth.scale', 1.0, 'Factor on every depth, from a calibration.', low=0.01, high=100.0
    )
    filter_flicker: bool = parameter(
        'filter.flicker',
        False,
        'Hold the scale of a scene that stands still; adds no delay.',
    )
    compressed_depth_max_m: float = parameter(
        'depth.image.compressedDepth.depth_max',
        100.0,
        'Farther depth is unknown in depth/image/compressedDepth [m].',
        low=1.0,
        high=MAX_RANGE_M,
    )
    compressed_depth_quantization: float = parameter(
        'depth.image.compressedDepth.depth_quantization',
        100.0,
        'Depth at which the steps of 32FC1 in depth/image/compressedDepth are 1 m wide [m]; at '
        'half of it they are a quarter as wide.',
        low=1.0,
        high=150.0,
    )
    compressed_depth_png_level: int = parameter(
        'depth.image.compressedDepth.png_level',
        3,
        'PNG level of depth/image/compressedDepth: 1 is fast, 9 small and very slow, 0 does not '
        'compress.',
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
    scale_file: str = parameter(
        'scale.file',
        '',
        'File of scales per head, as `zoedepth calibrate` and ~/save_scale write it; empty: none.',
        changeable='start',
    )
    scale_source: str = parameter(
        'scale.source',
        'off',
        'Find the scale while running: height compares the floor with camera.height, scan, points '
        'and range compare with reference/scan, reference/points and reference/range.',
        choices=('off', 'height', 'scan', 'points', 'range'),
        changeable='inactive',
    )
    scale_max_rate: float = parameter(
        'scale.max_rate',
        0.05,
        'Fastest change of the scale, as a share of it per second [1/s].',
        low=0.001,
        high=1.0,
    )
    focal_correction: str = parameter(
        'focal_correction',
        'auto',
        "'scale' multiplies depth by this camera's focal length over the training's; 'warp' shows "
        "the network the picture that the training camera would have taken; 'auto' scales where "
        'the weights name their training camera and the camera is known.',
        choices=('auto', 'off', 'scale', 'warp'),
    )
    filter_edge: bool = parameter(
        'filter.edge',
        True,
        'Leave points between an object and its background out of cloud and scan.',
    )
    filter_max_uncertainty_m: float = parameter(
        'filter.max_uncertainty',
        0.0,
        'Depth with a larger standard deviation is unknown [m]; 0.0 is off.',
        low=0.0,
        high=MAX_RANGE_M,
    )
    filter_temporal: bool = parameter(
        'filter.temporal',
        False,
        'Hold a point back for one picture unless the picture before had one at about its depth.',
    )
    filter_sky: bool = parameter(
        'filter.sky',
        True,
        'Make the sky +Inf outdoors: far, above the horizon, smooth, joined to the upper edge.',
    )
