"""Points of PointCloud2 messages; knows no node.

sensor_msgs_py reads them where it is installed, numpy directly otherwise: the wheels of PyPI have
no sensor_msgs_py.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

Points = NDArray[np.float32]
CloudReader = Callable[[Any], NDArray[Any]]
"""From a checked cloud without padding to a structured array (n,) with the fields x, y and z."""

AXES = ('x', 'y', 'z')
TYPES = {PointField.FLOAT32: 'f4', PointField.FLOAT64: 'f8'}


class CloudError(ValueError):
    """Say why a message is no cloud of points."""


def cloud_points(msg: Any, read: CloudReader | None = None) -> Points:
    """Give the points of a PointCloud2 that are finite, (n, 3) [m].

    x, y and z are float32 or float64, in either byte order.  read: how the fields are read; by
    default the best way this machine has.  Raises CloudError.
    """
    table = (read or best_reader())(_without_padding(msg))
    with np.errstate(over='ignore'):  # what float32 does not hold is infinite
        points_m = np.stack([table[name].astype(np.float32) for name in AXES], axis=-1)
    return points_m[np.isfinite(points_m).all(axis=1)]


def _without_padding(msg: Any) -> Any:
    """Copy a cloud, checked, with x, y and z as its only fields and nothing after each row.

    sensor_msgs_py reads no padded rows, swaps bytes in the message it is given, and checks with
    assertions.
    """
    fields = _coordinates(msg)
    row_bytes, rows = msg.width * msg.point_step, msg.height
    row_step = msg.row_step if rows > 1 else row_bytes  # of a single row nothing depends on it
    if row_step < row_bytes or len(msg.data) < row_step * rows:
        raise CloudError(
            f'{msg.width} x {rows} points of {msg.point_step} bytes need row_step >= {row_bytes} '
            f'and row_step x {rows} bytes, got row_step {msg.row_step} and {len(msg.data)} bytes'
        )
    data = np.frombuffer(msg.data, np.uint8, row_step * rows)
    if row_step > row_bytes:
        data = data.reshape(rows, row_step)[:, :row_bytes]
    plain = PointCloud2(
        height=1,
        width=msg.width * rows,
        fields=fields,
        is_bigendian=msg.is_bigendian,
        point_step=msg.point_step,
        row_step=row_bytes * rows,
    )
    plain.data = array.array('B', data.tobytes())
    return plain


def _coordinates(msg: Any) -> list[Any]:
    """Give the fields x, y and z."""
    found = {field.name: field for field in msg.fields if field.name in AXES}
    missing = [name for name in AXES if name not in found]
    if missing:
        names = ', '.join(field.name for field in msg.fields) or 'none'
        raise CloudError(f'no field {" and ".join(missing)}: expected x, y and z, got {names}')
    for name, field in found.items():
        if field.datatype not in TYPES or field.count != 1:
            raise CloudError(
                f'field {name}: expected one float32 ({PointField.FLOAT32}) or float64 '
                f'({PointField.FLOAT64}), got datatype {field.datatype}, count {field.count}'
            )
        end = field.offset + np.dtype(TYPES[field.datatype]).itemsize
        if end > msg.point_step:
            raise CloudError(f'field {name} ends at byte {end} of {msg.point_step} (point_step)')
    return [found[name] for name in AXES]


def read_with_numpy(plain: Any) -> NDArray[Any]:
    """View a cloud's bytes as a table."""
    order = '>' if plain.is_bigendian else '<'
    kind = np.dtype({
        'names': [field.name for field in plain.fields],
        'formats': [order + TYPES[field.datatype] for field in plain.fields],
        'offsets': [field.offset for field in plain.fields],
        'itemsize': plain.point_step,
    })  # fmt: skip
    return np.frombuffer(plain.data, kind, plain.width)


def read_with_sensor_msgs_py(plain: Any) -> NDArray[Any]:
    """Do the same through sensor_msgs_py, which may swap the bytes of this cloud in place."""
    from sensor_msgs_py import point_cloud2

    return point_cloud2.read_points(plain, field_names=list(AXES))


@cache
def best_reader() -> CloudReader:
    """Give sensor_msgs_py's reader where it is installed, else numpy's."""
    try:
        import sensor_msgs_py.point_cloud2  # noqa: F401
    except Exception:  # whatever a broken installation raises
        return read_with_numpy
    return read_with_sensor_msgs_py
