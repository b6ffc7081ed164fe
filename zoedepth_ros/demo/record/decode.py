"""From depth images and clouds back to arrays; takes any object with a message's fields."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.millimetres import from_millimetres

_DEPTH_KINDS = {'32FC1': np.float32, '16UC1': np.uint16}


def depth_from_image(msg: Any) -> NDArray[np.float32]:
    """Give the depth (H, W) [m] of a 32FC1 or 16UC1 image, NaN unknown.

    Raises ValueError for another encoding.
    """
    if msg.encoding not in _DEPTH_KINDS:
        raise ValueError(f'depth must be 32FC1 or 16UC1, got {msg.encoding!r}')
    kind = _DEPTH_KINDS[msg.encoding]
    dtype = np.dtype(kind).newbyteorder('>' if msg.is_bigendian else '<')
    rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)
    used = np.ascontiguousarray(rows[:, : msg.width * dtype.itemsize])
    values = used.view(dtype)
    return from_millimetres(values) if kind is np.uint16 else values.astype(np.float32)


def cloud_arrays(msg: Any) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Give points (N, 3) [m] and colours (N, 3) of a cloud, row by row; grey without colours."""
    offsets = {field.name: field.offset for field in msg.fields}
    order = '>' if msg.is_bigendian else '<'
    names = [name for name in ('x', 'y', 'z', 'rgb') if name in offsets]
    dtype = np.dtype(
        {
            'names': names,
            'formats': [f'{order}u4' if name == 'rgb' else f'{order}f4' for name in names],
            'offsets': [offsets[name] for name in names],
            'itemsize': msg.point_step,
        }
    )
    rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.row_step)
    used = np.ascontiguousarray(rows[:, : msg.width * msg.point_step])
    cells = used.reshape(-1).view(dtype)
    points = np.stack([cells[axis] for axis in 'xyz'], axis=-1).astype(np.float32)
    if 'rgb' not in offsets:
        return points, np.full(points.shape, 128, np.uint8)
    packed = cells['rgb']
    colors = np.stack([packed >> shift & 0xFF for shift in (16, 8, 0)], axis=-1)
    return points, colors.astype(np.uint8)
