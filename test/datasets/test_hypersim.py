import sys

import numpy as np
import pytest
from dataset_files import gray, write_picture

from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.hypersim import HyperSim

PICTURE = 'ai_001_010/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg'
DEPTH = 'ai_001_010/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5'


def _tree(tmp_path, distance_m):
    h5py = pytest.importorskip('h5py')
    write_picture(tmp_path / PICTURE, gray(768, 1024))
    (tmp_path / DEPTH).parent.mkdir(parents=True)
    with h5py.File(tmp_path / DEPTH, 'w') as file:
        file['dataset'] = distance_m


def test_hypersim_turns_distance_into_depth_along_z(tmp_path):
    distance_m = np.full((768, 1024), 2.0, np.float16)
    distance_m[100, 100] = np.nan
    _tree(tmp_path, distance_m)
    sample = HyperSim(tmp_path)[0]
    # corner: offsets 511.5 and 383.5 px; 2 * 886.81 / sqrt(511.5^2 + 383.5^2 + 886.81^2)
    assert sample.depth_m[0, 0] == pytest.approx(1.6223772, abs=1e-6)
    assert sample.depth_m[767, 1023] == pytest.approx(1.6223772, abs=1e-6)
    # middle: offsets of half a pixel; 2 / sqrt(1 + 0.5 / 886.81^2)
    assert sample.depth_m[383, 511] == pytest.approx(1.99999936, abs=1e-6)
    # right edge in the middle row: 2 * 886.81 / sqrt(511.5^2 + 0.5^2 + 886.81^2)
    assert sample.depth_m[383, 1023] == pytest.approx(1.7324734, abs=1e-6)
    assert np.isnan(sample.depth_m[100, 100])


def test_hypersim_pictures_become_480_by_640_and_depth_keeps_its_size(tmp_path):
    _tree(tmp_path, np.ones((768, 1024), np.float32))
    dataset = HyperSim(tmp_path)
    sample = dataset[0]
    assert dataset.picture(sample).shape == (480, 640, 3)
    assert sample.depth_m.shape == (768, 1024)
    assert sample.camera is not None
    assert sample.camera.fx_px == 886.81


def test_hypersim_of_another_size_is_refused_because_the_focal_length_would_be_wrong(tmp_path):
    _tree(tmp_path, np.ones((384, 512), np.float32))
    with pytest.raises(DatasetError, match='768 x 1024'):
        HyperSim(tmp_path)[0]


def test_hypersim_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    _tree(tmp_path, np.ones((768, 1024), np.float32))
    dataset = HyperSim(tmp_path)
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(DatasetError, match='pip install h5py'):
        dataset[0]


def test_a_damaged_hdf5_file_is_named(tmp_path):
    _tree(tmp_path, np.ones((768, 1024), np.float32))
    (tmp_path / DEPTH).write_bytes(b'not hdf5')
    with pytest.raises(DatasetError, match=r'depth_meters\.hdf5: damaged'):
        HyperSim(tmp_path)[0]
