"""Images of Mitsuba: depth, cameras, files, and the continuation of a run."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from waiting import wait_until

pytest.importorskip('mitsuba')
pytest.importorskip('mitsuba_oidn')
pytest.importorskip('trimesh')

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.path_traced.places import KINDS
from zoedepth_ros.path_traced.render_set import RenderSettings, missing_images

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = ROOT / 'scripts' / 'render_path_traced.py'
LIMIT_S = 1200


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope='module')
def rendered(library, tmp_path_factory):
    """Return the folders of HDRIs and of what rendering.py made."""
    skies, out = tmp_path_factory.mktemp('skies'), tmp_path_factory.mktemp('out')
    code, _, errors = run(HERE / 'rendering.py', library, skies, out)
    assert code == 0, errors
    return skies, out


def test_depth_of_a_plane_and_a_sphere_is_that_of_the_formula(rendered):
    values = np.load(rendered[1] / 'formula.npz')
    x, y = (np.arange(128) - 63.5) / 105, (np.arange(96) - 47.5) / 105
    rays = np.stack([*np.meshgrid(x, y), np.ones((96, 128))], -1) @ values['rotation'].T
    eye, centre, radius = np.array([0.3, -0.4, 0.9]), np.array([0, 0, 0.2]), 0.1
    plane_m = -eye[2] / rays[..., 2]  # eye + depth * ray has z = 0
    half, square = rays @ (eye - centre), (rays**2).sum(-1)
    root = half**2 - square * (((eye - centre) ** 2).sum() - radius**2)
    sphere_m = np.where(root > 0, (-half - np.sqrt(np.maximum(root, 0))) / square, np.inf)
    wanted_m = np.minimum(np.where(plane_m > 0, plane_m, np.inf), sphere_m)
    assert (sphere_m < plane_m).sum() > 100, 'the sphere is in the image'
    error_m = np.abs(values['depth_m'] - wanted_m)
    assert np.quantile(error_m, 0.995) < 1e-5
    assert error_m.max() < 1e-2  # at the edge of the sphere


def test_the_image_is_taken_by_the_camera_of_the_depth(rendered):
    values = np.load(rendered[1] / 'formula.npz')
    for (x, y), sampled in zip(values['pixels'], values['sampled'], strict=True):
        ray = values['rays'][y, x] / np.linalg.norm(values['rays'][y, x])
        np.testing.assert_allclose(sampled, ray, atol=1e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_an_image_has_plausible_depth_and_a_camera_file(rendered, kind):
    (image,) = (rendered[1] / 'kinds' / 'rgb').glob(f'*_{kind}.png')
    depth_m = np.load(rendered[1] / 'kinds' / 'depth' / f'{image.stem}.npy')
    text = (rendered[1] / 'kinds' / 'camera' / f'{image.stem}.json').read_text()
    assert set(json.loads(text)) == {'fx_px', 'fy_px', 'cx_px', 'cy_px', 'width', 'height'}
    camera = Intrinsics(**json.loads(text))
    assert (camera.width, camera.height) == (64, 48)
    assert (camera.cx_px, camera.cy_px) == (31.5, 23.5)
    assert 25 < camera.fx_px == camera.fy_px < 110  # 33 to 95 degrees
    rgb = np.asarray(Image.open(image))
    assert rgb.shape == (48, 64, 3)
    assert rgb.std() > 4
    assert depth_m.dtype == np.float32
    assert depth_m.shape == (48, 64)
    assert np.isfinite(depth_m).mean() >= 0.7
    low_m, high_m = (1.0, 6.0) if kind == 'furnished' else (0.2, 2.0)
    assert low_m < np.nanmedian(depth_m) < high_m
    assert np.nanmin(depth_m) > 0.05


def test_a_run_goes_on_where_it_was_ended(rendered, library, tmp_path):
    skies, _ = rendered
    (tmp_path / 'rgb').mkdir()
    for name in ('000000_bin', '000002_shelf'):
        (tmp_path / 'rgb' / f'{name}.png').write_bytes(b'kept')
    (tmp_path / '.000001_bin.abc.part.png').write_bytes(b'unfinished')
    assert missing_images(tmp_path, 3) == [1]
    options = ('--images', 3, '--samples', 1, '--models', library, '--hdris', skies)
    code, output, errors = run(PROGRAM, tmp_path, *options, '--processes', 2)
    assert code == 0, errors
    assert '2 of 3 images exist' in output
    assert missing_images(tmp_path, 3) == []
    assert (tmp_path / 'rgb' / '000000_bin.png').read_bytes() == b'kept'
    assert len(list((tmp_path / 'rgb').iterdir())) == 3
    (camera,) = (tmp_path / 'camera').glob('000001_*.json')
    assert np.load(tmp_path / 'depth' / f'{camera.stem}.npy').dtype == np.float32


def test_interrupts_end_a_run_and_its_processes(rendered, library, tmp_path):
    options = ('--images', 1000, '--samples', 1, '--models', library, '--hdris', rendered[0])
    command = [sys.executable, *map(str, (PROGRAM, tmp_path, *options, '--processes', 2))]

    def interrupt():
        os.killpg(process.pid, signal.SIGINT)

    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: any(tmp_path.glob('rgb/*.png')))
            wait_until(lambda: interrupt() or process.poll() is not None, period_s=0.1)
            _, errors = process.communicate(timeout=LIMIT_S)  # ends with the last process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0, errors
    assert not list((tmp_path / 'rgb').glob('.*')), 'no unfinished image'


def test_a_folder_without_hdris_ends_the_run_with_its_name(library, tmp_path):
    empty = tmp_path / 'empty'
    code, _, errors = run(PROGRAM, tmp_path, '--images', 1, '--models', library, '--hdris', empty)
    assert code == 2
    assert f'.exr or .exr.js files in {empty}' in errors


def test_an_unknown_split_and_no_samples_are_refused():
    with pytest.raises(ValueError, match="split must be train or val, got 'test'"):
        RenderSettings(Path(), Path(), Path(), 'test')
    with pytest.raises(ValueError, match='samples must be 1 or more, got 0'):
        RenderSettings(Path(), Path(), Path(), samples=0)
