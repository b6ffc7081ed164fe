import numpy as np
from dataset_files import gray, write_picture, write_png16

from zoedepth_ros.datasets.diml import DimlIndoor, DimlOutdoor


def test_diml_indoor_reads_the_filled_depth_of_the_low_resolution_part(tmp_path):
    for part in ('LR', 'HR'):
        scene = tmp_path / part / '1. Classroom'
        write_picture(scene / 'color/in_k_01_c.png', gray(3, 4))
        write_png16(scene / 'depth_filled/in_k_01_depth_filled.png', np.full((3, 4), 3210))
    dataset = DimlIndoor(tmp_path)
    (sample,) = dataset
    assert sample.name.startswith('LR/')
    np.testing.assert_array_equal(sample.depth_m, np.full((3, 4), 3.21, np.float32))
    assert dataset.picture(sample).shape == (480, 640, 3)
    assert sample.domain == 'indoor'


def test_diml_outdoor_reads_millimetres_and_keeps_the_picture(tmp_path):
    write_picture(tmp_path / 'A/outleft/0001.png', gray(3, 4))
    write_png16(tmp_path / 'A/depthmap/0001.png', [[0, 2000, 2001, 65535]] * 3)
    dataset = DimlOutdoor(tmp_path)
    (sample,) = dataset
    np.testing.assert_array_equal(sample.depth_m[0], np.float32([np.nan, 2.0, 2.001, 65.535]))
    assert dataset.picture(sample).shape == (3, 4, 3)
    assert sample.domain == 'outdoor'
