"""Points of PointCloud2 messages as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

AXES = ('x', 'y', 'z')
UINT32, FLOAT32, FLOAT64 = 6, 7, 8  # constants of sensor_msgs/PointField
_TYPES = {FLOAT32: 'f4', FLOAT64: 'f8'}
_GREY = 128


class CloudError(ValueError):
    """Raised for a message that is not a cloud of points."""


def cloud_points(msg: Any) -> Points:
    """Return the finite points of a PointCloud2, (n, 3) [m].

    x, y and z are float32 or float64, in either byte order.  Raises CloudError.
    """
    points_m = _coordinates(_records(msg, []))
    return points_m[np.isfinite(points_m).all(axis=1)]


def cloud_arrays(msg: Any) -> tuple[Points, NDArray[np.uint8]]:
    """Return all points (n, 3) [m] and colours (n, 3) of a PointCloud2, row by row.

    Colours are those of the field rgb; grey without it.  Raises CloudError.
    """
    rgb = [f for f in msg.fields if f.name == 'rgb' and f.datatype in (UINT32, FLOAT32)]
    records = _records(msg, rgb[:1])
    points_m = _coordinates(records)
    if not rgb:
        return points_m, np.full(points_m.shape, _GREY, np.uint8)
    bits = records['rgb']
    return points_m, np.stack([bits >> shift & 0xFF for shift in (16, 8, 0)], -1).astype(np.uint8)


def _coordinates(records: NDArray[Any]) -> Points:
    with np.errstate(over='ignore'):  # what float32 does not hold is infinite
        return np.stack([records[name].astype(np.float32) for name in AXES], axis=-1)


def _records(msg: Any, rgb: list[Any]) -> NDArray[Any]:
    """View the bytes of a cloud, checked, as records (n,) with x, y, z and the bits of rgb."""
    axes = _checked_axes(msg)
    order = '>' if msg.is_bigendian else '<'
    fields = [(field, order + _TYPES[field.datatype]) for field in axes]
    fields += [(field, order + 'u4') for field in rgb]
    for field, kind in fields:
        end = field.offset + np.dtype(kind).itemsize
        if end > msg.point_step:
            raise CloudError(
                f'field {field.name} ends at byte {end}, after the end of the point at byte '
                f'{msg.point_step} (point_step)'
            )
    point = np.dtype({
        'names': [field.name for field, _ in fields],
        'formats': [kind for _, kind in fields],
        'offsets': [field.offset for field, _ in fields],
        'itemsize': msg.point_step,
    })  # fmt: skip
    row_bytes, rows = msg.width * msg.point_step, msg.height
    row_step = msg.row_step if rows > 1 else row_bytes  # a single row does not depend on it
    if row_step < row_bytes or len(msg.data) < row_step * rows:
        raise CloudError(
            f'the cloud does not contain its {msg.width} x {rows} points of {msg.point_step} '
            f'bytes: expected a row_step of {row_bytes} or more and {rows} rows in data, got '
            f'row_step {msg.row_step} and {len(msg.data)} bytes of data'
        )
    data = np.frombuffer(msg.data, np.uint8, row_step * rows).reshape(rows, row_step)
    return np.ascontiguousarray(data[:, :row_bytes]).reshape(-1).view(point)


def _checked_axes(msg: Any) -> list[Any]:
    """Return the fields x, y and z."""
    found = {field.name: field for field in msg.fields if field.name in AXES}
    missing = [name for name in AXES if name not in found]
    if missing:
        names = ', '.join(field.name for field in msg.fields) or 'none'
        raise CloudError(
            f'the cloud has no field {" and ".join(missing)}: expected x, y and z, got {names}'
        )
    for name, field in found.items():
        if field.datatype not in _TYPES or field.count != 1:
            raise CloudError(
                f'field {name}: expected one float32 ({FLOAT32}) or float64 ({FLOAT64}), '
                f'got datatype {field.datatype}, count {field.count}'
            )
    return [found[name] for name in AXES]
