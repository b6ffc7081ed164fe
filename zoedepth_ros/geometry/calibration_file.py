"""Read calibration files of ROS, Kalibr, OpenCV, RealSense and OAK."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoedepth_ros.errors import explained, quoted
from zoedepth_ros.files import parse_json, parse_yaml, read_text
from zoedepth_ros.geometry.intrinsics import UNDISTORTED, CalibrationFields, CameraError

EXPECTED = (
    'a calibration of ROS (YAML of camera_calibration or of camera_info), Kalibr (camchain), '
    'OpenCV (YAML or JSON), RealSense or OAK (JSON)'
)
_MOST_NESTED = 4
_MATRIX = ('camera_matrix', 'cameramatrix', 'intrinsic_matrix', 'intrinsicmatrix', 'k', 'mtx')
_DISTORTION = (
    *('distortion_coefficients', 'distortion_coeffs', 'distortioncoeff', 'distcoeffs'),
    *('dist_coeffs', 'dist_coeff', 'coeffs', 'd', 'dist', 'distortion'),
)
_FOCAL = (('fx', 'fx_px'), ('fy', 'fy_px'), ('ppx', 'cx', 'cx_px'), ('ppy', 'cy', 'cy_px'))
_SIZE = (('image_width', 'width'), ('image_height', 'height'))
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def read_chosen_calibration(text: str) -> CalibrationFields:
    """Read `FILE`, or `FILE:CAMERA` of a file with several cameras; as `read_calibration`."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise CameraError(f'there is no home folder for ~ in {text}') from None
    if path.exists() or ':' not in text:
        return read_calibration(path)
    name, _, camera = text.rpartition(':')
    return read_calibration(Path(name).expanduser(), camera)


def read_calibration(path: Path, camera: str = '') -> CalibrationFields:
    """Read a calibration file.

    camera: name of the camera, required for a file with several cameras.  Raises CameraError that
    names the file, what is wrong and what was expected.
    """
    try:
        content = _content(read_text(path))
        found = dict(_found(content))
        if not found:
            keys = list(content) if isinstance(content, dict) else content
            raise ValueError(f'expected {EXPECTED}, got {quoted(keys)}')
        if camera not in found and (camera or len(found) > 1):
            wanted = f'there is no camera {camera!r}: ' if camera else ''
            names = ', '.join(found)
            raise ValueError(
                f'{wanted}the file contains the cameras {names}; choose one with {path}:NAME'
            )
        return _calibration(found[camera] if camera else next(iter(found.values())))
    except OSError as error:
        raise CameraError(f'calibration file {explained(error)}') from None
    except ValueError as error:
        raise CameraError(f'calibration file {path}: {error}') from None


def _content(text: str) -> Any:
    """Parse JSON or YAML, including OpenCV's YAML and the output of `ros2 topic echo`."""
    if text.lstrip().startswith('<'):
        raise ValueError(f'expected {EXPECTED}, got XML')
    is_json = text.lstrip().startswith(('{', '['))
    text = re.sub(r'\r\n?', '\n', text)
    try:
        if is_json:
            return parse_json(re.sub(r'(?m)^\s*//.*', '', text))  # OpenCV writes comments
        # OpenCV's version %YAML:1.0 is none; `ros2 topic echo` separates messages
        text = re.sub(r'\A%YAML.*|!!opencv-[\w-]+', '', text)
        return parse_yaml(re.sub(r'(?m)^[ \t]*(---|\.\.\.)[ \t]*$', '', text))
    except ValueError as error:
        kind = 'JSON' if is_json else 'YAML'
        raise ValueError(f'the file is not {kind}: {error}; expected {EXPECTED}') from None


def _found(content: Any, name: str = '', nested: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the fields of every camera, at any depth; field names in lower case.

    OAK files list pairs of a socket number and a camera.
    """
    if nested > _MOST_NESTED:
        return
    if isinstance(content, Mapping):
        fields = {str(key).lower(): value for key, value in content.items()}
        if any(key in fields for key in (*_MATRIX, *_FOCAL[0])) or _is_kalibr(fields):
            yield name, fields
            return
        items = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, list):
        pairs = [item if isinstance(item, list) and len(item) == 2 else None for item in content]
        items = [(str(pair[0]), pair[1]) for pair in pairs if pair is not None]
        items += [(str(k), item) for k, item in enumerate(content) if isinstance(item, Mapping)]
    else:
        return
    for key, value in items:
        yield from _found(value, key, nested + 1)


def _is_kalibr(fields: Mapping[str, Any]) -> bool:
    return 'camera_model' in fields and isinstance(fields.get('intrinsics'), list)


def _calibration(fields: Mapping[str, Any]) -> CalibrationFields:
    k = _matrix(fields)
    width, height = _size(fields)
    model, d = _lens(fields)
    p = _numbers(fields, ('projection_matrix', 'p'), 12)
    _refuse_crop(fields, width, height)
    return CalibrationFields(
        width=width,
        height=height,
        k=k,
        p=p or tuple(np.hstack([np.reshape(k, (3, 3)), np.zeros((3, 1))]).ravel().tolist()),
        d=d,
        distortion_model=model,
        r=_numbers(fields, ('rectification_matrix', 'r'), 9) or _IDENTITY,
    )


def _matrix(fields: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the 9 numbers of K, row by row."""
    if _is_kalibr(fields):
        if fields['camera_model'] != 'pinhole':
            raise ValueError(f"camera model {quoted(fields['camera_model'])}: expected 'pinhole'")
        four = _numbers(fields, ('intrinsics',), 4)
    else:
        if k := _numbers(fields, _MATRIX, 9):
            is_by_columns = k[2] == k[5] == 0.0 and k[6] > 0.0  # Open3D's
            return tuple(np.reshape(k, (3, 3)).T.ravel().tolist()) if is_by_columns else k
        four = tuple(_number(fields, names) for names in _FOCAL)
    fx, fy, cx, cy = four
    return fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0


def _size(fields: Mapping[str, Any]) -> tuple[int, int]:
    """Return width and height [px]."""
    pair = _numbers(fields, ('resolution', 'image_size', 'img_size'), 2)
    width, height = pair or tuple(_number(fields, names) for names in _SIZE)
    if width != int(width) or height != int(height):
        raise ValueError(f'expected whole numbers of pixels, got {width:g} x {height:g}')
    return int(width), int(height)


def _refuse_crop(fields: Mapping[str, Any], width: int, height: int) -> None:
    """Raise ValueError for a camera_info of images that are a part of the full image."""
    roi = fields.get('roi')
    if not isinstance(roi, Mapping):
        return
    left, top, columns, rows = (roi.get(x) for x in ('x_offset', 'y_offset', 'width', 'height'))
    if left or top or (columns or width) != width or (rows or height) != height:
        raise ValueError(
            f'expected a camera_info of full images, got a region of interest (roi) of {columns} '
            f'x {rows} px'
        )


def _lens(fields: Mapping[str, Any]) -> tuple[str, tuple[float, ...]]:
    """Return the distortion model, as it is named in the file, and its coefficients."""
    d = _numbers(fields, _DISTORTION, None)
    named = fields.get('distortion_model', '' if _is_kalibr(fields) else fields.get('model', ''))
    name = str(named).lower().removeprefix('distortion.').replace(' ', '_')
    if fields.get('cameratype') == 1 or fields.get('fisheye_model') == 1:  # OAK's, OpenCV's
        name, d = 'equidistant', d[:4]
    if name in ('', 'pinhole'):
        name = 'plumb_bob' if len(d) <= 5 else 'rational_polynomial'
    if name == UNDISTORTED:
        return 'plumb_bob', (0.0,) * 5
    return name, d


def _number(fields: Mapping[str, Any], names: tuple[str, ...]) -> float:
    found = _numbers(fields, names, 1)
    if not found:
        raise ValueError(f'{names[0]!r} is missing')
    return found[0]


def _numbers(
    fields: Mapping[str, Any], names: tuple[str, ...], count: int | None
) -> tuple[float, ...]:
    """Return the numbers of the first of these fields that exists, row by row; () if none does."""
    for name in names:
        if name not in fields:
            continue
        value = fields[name]
        if isinstance(value, Mapping):
            value = value.get('data')
        try:
            numbers = tuple(float(number) for number in np.ravel(np.asarray(value)))
        except (OverflowError, TypeError, ValueError):
            numbers = (float('nan'),)
        if not np.isfinite(numbers).all() or (count is not None and len(numbers) != count):
            expected = 'finite numbers' if count is None else f'{count} finite numbers'
            raise ValueError(f'{name} must hold {expected}, got {quoted(value)}')
        return numbers
    return ()
