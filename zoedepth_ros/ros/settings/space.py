"""What depth becomes in space: clouds, obstacles, scan."""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.ros.settings.parameter import MAX_RANGE_M, MAX_RATE_HZ, MAX_SIDE_PX, parameter


@dataclass(frozen=True)
class SpaceSettings:
    """How points, ground, obstacles and scan are made of depth."""

    __slots__ = ()
    cloud_rate_hz: float = parameter(
        'cloud.rate',
        10.0,
        'Clouds per second [Hz]; 0.0 follows the camera.',
        low=0.0,
        high=MAX_RATE_HZ,
    )
    cloud_decimation: int = parameter(
        'cloud.decimation', 4, 'Every n-th pixel in both directions is a point.', low=1, high=64
    )
    cloud_color: bool = parameter('cloud.color', True, 'Give every point its colour.')
    cloud_organized: bool = parameter(
        'cloud.organized',
        True,
        'Keep rows and columns, NaN where unknown; false leaves those points out.',
    )
    cloud_max_range_m: float = parameter(
        'cloud.max_range',
        0.0,
        'Leave points farther along z out of depth/points [m], and of nothing else; 0.0 is no '
        'limit.',
        low=0.0,
        high=MAX_RANGE_M,
    )
    obstacles_min_height_m: float = parameter(
        'obstacles.min_height',
        0.10,
        'Lower than this above the floor is ground, not an obstacle [m].',
        low=0.0,
        high=10.0,
    )
    obstacles_slope: float = parameter(
        'obstacles.ground_slope',
        0.03,
        'Height by which the ground may rise or measure wrong, per distance [m/m].',
        low=0.0,
        high=1.0,
    )
    obstacles_max_height_m: float = parameter(
        'obstacles.max_height',
        1.8,
        'Higher than this above the floor nothing is in the way [m].',
        low=0.01,
        high=100.0,
    )
    obstacles_max_range_m: float = parameter(
        'obstacles.max_range',
        5.0,
        'Trusted range: no obstacle and no ground farther, and free rays end there [m].',
        low=0.1,
        high=MAX_RANGE_M,
    )
    scan_enabled: bool = parameter('scan.enabled', False, 'Publish `scan` from a band of rows.')
    scan_mode: str = parameter(
        'scan.mode',
        'rows',
        "'rows' takes a band of rows; 'height' what stands between obstacles.min_height and "
        'obstacles.max_height, whatever the pitch.',
        choices=('rows', 'height'),
    )
    scan_rows: int = parameter(
        'scan.rows',
        10,
        'Height of the band of rows around the optical axis that makes the scan [px].',
        low=1,
        high=MAX_SIDE_PX,
    )
    scan_frame_id: str = parameter(
        'scan.frame_id',
        '',
        'Level frame of the scan, x forward and z up, whose transform others publish; empty: '
        '<optical frame>_scan at the camera, whose transform the node publishes.',
    )
    scan_range_max_m: float = parameter(
        'scan.range_max',
        10.0,
        '+Inf in the scan says that nothing is within this [m]; a beam that was not seen that far '
        'is NaN.',
        low=0.1,
        high=MAX_RANGE_M,
    )
