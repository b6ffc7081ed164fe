"""Calibration files of every maker are read by one reader; numbers stand in the files below."""

import json

import cv2
import numpy as np
import pytest
from docs_pages import ROOT

from zoedepth_ros.geometry.calibration_file import (
    EXPECTED,
    read_calibration,
    read_chosen_calibration,
)
from zoedepth_ros.geometry.intrinsics import CameraError, camera_from_calibration, known_distortion
from zoedepth_ros.geometry.rays import rays_at

K = (461.629, 0.0, 362.680, 0.0, 460.152, 246.049, 0.0, 0.0, 1.0)
ROWS = [list(K[row : row + 3]) for row in (0, 3, 6)]
D = (-0.27695, 0.06712, 0.00087, 0.00011)

KALIBR = """\
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.27695, 0.06712, 0.00087, 0.00011]
  distortion_model: radtan
  intrinsics: [461.629, 460.152, 362.680, 246.049]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, -0.1]
  - [0.0, 1.0, 0.0, 0.0]
  - [0.0, 0.0, 1.0, 0.0]
  - [0.0, 0.0, 0.0, 1.0]
  cam_overlaps: [0]
  camera_model: pinhole
  distortion_coeffs: [0.01, 0.02, 0.03, 0.04]
  distortion_model: equidistant
  intrinsics: [460.0, 459.0, 370.0, 240.0]
  resolution: [752, 480]
"""
ECHO = f"""\
header:
  stamp:
    sec: 1
    nanosec: 2
  frame_id: camera
height: 480
width: 752
distortion_model: plumb_bob
d:
{''.join(f'- {number}{chr(10)}' for number in (*D, 0.0))}k:
{''.join(f'- {number}{chr(10)}' for number in K)}r: [1, 0, 0, 0, 1, 0, 0, 0, 1]
p: [461.629, 0, 362.680, 0, 0, 460.152, 246.049, 0, 0, 0, 1, 0]
binning_x: 0
binning_y: 0
---
"""
REALSENSE = {
    'width': 752, 'height': 480, 'ppx': 362.680, 'ppy': 246.049, 'fx': 461.629, 'fy': 460.152,
    'model': 'distortion.inverse_brown_conrady', 'coeffs': [*D, 0.0],
}  # fmt: skip
OAK_CAMERA = {
    'cameraType': 0,
    'distortionCoeff': [*D, *[0.0] * 10],
    'extrinsics': {'toCameraSocket': -1, 'translation': {'x': 0.0, 'y': 0.0, 'z': 0.0}},
    'height': 480,
    'intrinsicMatrix': ROWS,
    'lensPosition': 0,
    'specHfovDeg': 71.86,
    'width': 752,
}
OAK = {'boardName': 'OAK-D', 'cameraData': [[0, OAK_CAMERA | {'width': 1}], [1, OAK_CAMERA]]}


def opencv_text(folder, name):
    """Let OpenCV write a calibration, as its own calibration program does."""
    storage = cv2.FileStorage(str(folder / name), cv2.FILE_STORAGE_WRITE)
    storage.write('calibration_time', 'Sat 28 Nov 2026')
    storage.write('image_width', 752)
    storage.write('image_height', 480)
    storage.writeComment('flags: +fix_aspectRatio +zero_tangent_dist', 0)
    storage.write('flags', 10)
    storage.write('camera_matrix', np.reshape(K, (3, 3)))
    storage.write('distortion_coefficients', np.array([[*D, 0.0]]))
    storage.release()
    return (folder / name).read_text()


def written(folder, text, name='c.yaml'):
    (folder / name).write_text(text if isinstance(text, str) else json.dumps(text, indent='\t'))
    return folder / name


@pytest.mark.parametrize(
    ('content', 'camera'),
    [
        (KALIBR, 'cam0'),
        (KALIBR[: KALIBR.index('cam1')], ''),
        (ECHO, ''),
        (REALSENSE, ''),
        ({'color_intrinsics': REALSENSE, 'depth_scale': 0.001}, ''),
        (OAK, '1'),
        ({'camera_matrix': ROWS, 'dist_coeff': [D], 'image_width': 752, 'image_height': 480}, ''),
        ({'K': K, 'D': D, 'image_size': [752, 480]}, ''),
        ({'intrinsic_matrix': np.reshape(K, (3, 3)).T.ravel().tolist(), 'distCoeffs': D,
          'width': 752, 'height': 480}, ''),
        ({'fx_px': K[0], 'fy_px': K[4], 'cx_px': K[2], 'cy_px': K[5], 'width': 752,
          'height': 480, 'distortion': D}, ''),
    ],
    ids=['kalibr', 'kalibr-one', 'echo', 'realsense', 'realsense-meta', 'oak', 'opencv-python',
         'plain', 'open3d', 'frames'],
)  # fmt: skip
def test_the_same_camera_is_read_from_every_format(tmp_path, content, camera):
    found = read_calibration(written(tmp_path, content), camera)
    assert (found.width, found.height) == (752, 480)
    assert found.k == pytest.approx(K)
    assert found.d[:4] == pytest.approx(D)
    assert not any(found.d[4:])
    assert known_distortion(found.distortion_model) in ('plumb_bob', 'rational_polynomial')
    pixels = np.array([[0.0, 0.0], [700.0, 400.0]])
    expected = cv2.undistortPointsIter(
        pixels[:, None],
        np.reshape(K, (3, 3)),
        np.array(D),
        None,
        None,
        (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12),
    )[:, 0]
    rays = rays_at(pixels, camera_from_calibration(found, height=480, width=752))
    np.testing.assert_allclose(rays, expected, atol=1e-4)


@pytest.mark.parametrize('name', ['c.yaml', 'c.yml', 'c.json'])
@pytest.mark.parametrize('newline', ['\n', '\r\n', '\r'])
def test_what_opencv_writes_is_read(tmp_path, name, newline):
    text = opencv_text(tmp_path, name)
    assert text.startswith('{' if name == 'c.json' else '%YAML:1.0')
    (tmp_path / name).write_text(text, newline=newline)
    found = read_calibration(tmp_path / name)
    assert (found.width, found.height, found.distortion_model) == (752, 480, 'plumb_bob')
    assert found.k == pytest.approx(K)
    assert found.d == pytest.approx((*D, 0.0))


def test_the_example_of_ros_is_read():
    found = read_calibration(ROOT / 'config' / 'camera_example.yaml')
    assert found.distortion_model == 'plumb_bob'
    camera = camera_from_calibration(found, height=found.height, width=found.width)
    assert camera.intrinsics.fx_px == found.k[0]


def test_a_fisheye_camera_keeps_its_four_coefficients(tmp_path):
    found = read_calibration(written(tmp_path, KALIBR), 'cam1')
    assert (found.distortion_model, found.d) == ('equidistant', (0.01, 0.02, 0.03, 0.04))
    found = read_calibration(written(tmp_path, OAK_CAMERA | {'cameraType': 1}))
    assert (found.distortion_model, found.d) == ('equidistant', D)


def test_of_several_cameras_one_is_chosen_by_its_name(tmp_path):
    path = written(tmp_path, KALIBR)
    assert read_chosen_calibration(f'{path}:cam1').k[0] == 460.0
    for text, complaint in (
        (str(path), 'contains the cameras cam0, cam1'),
        (f'{path}:cam7', "there is no camera 'cam7'"),
    ):
        with pytest.raises(CameraError, match=complaint):
            read_chosen_calibration(text)


@pytest.mark.parametrize(
    ('content', 'complaint'),
    [
        ('<?xml version="1.0"?><opencv_storage></opencv_storage>', 'got XML'),
        ('{"a": \t', 'the file is not JSON'),
        ('a: [1, 2', 'the file is not YAML: line 1'),
        ('just words', EXPECTED[:20]),
        ({'a': 1, 'b': 2}, r"got \['a', 'b'\]"),
        ([], EXPECTED[:20]),
        ('', EXPECTED[:20]),
        ({'fx': 1.0, 'width': 2, 'height': 2}, "'fy' is missing"),
        ({'k': K}, "'image_width' is missing"),
        ({'k': K[:8], 'width': 1, 'height': 1}, 'k must hold 9 finite numbers'),
        ({'k': [[1, 2], 3], 'width': 1, 'height': 1}, 'k must hold 9 finite numbers'),
        ({'k': None, 'width': 1, 'height': 1}, 'k must hold 9 finite numbers'),
        (KALIBR.replace('pinhole', 'omni')[: KALIBR.index('cam1') - 3], "expected 'pinhole'"),
        (REALSENSE | {'width': 640.5}, 'whole numbers of pixels'),
        (REALSENSE | {'width': 'wide'}, 'width must hold 1 finite numbers'),
        (REALSENSE | {'width': 10**400}, 'width must hold 1 finite numbers'),
        (
            f'{ECHO[:-4]}roi: {{x_offset: 160, y_offset: 120, height: 240, width: 376}}\n',
            r'a region of interest \(roi\) of 376 x 240 px',
        ),
    ],
)
def test_what_is_no_calibration_is_named_with_what_was_expected(tmp_path, content, complaint):
    path = written(tmp_path, content)
    with pytest.raises(CameraError, match=complaint) as raised:
        read_calibration(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value)) < 600


def test_an_unknown_distortion_is_refused_when_the_camera_is_made(tmp_path):
    found = read_calibration(written(tmp_path, REALSENSE | {'model': 'f-theta'}))
    with pytest.raises(CameraError, match='f-theta'):
        camera_from_calibration(found, height=480, width=752)
