import numpy as np
from dataset_files import gray, write_npy, write_picture

from zoedepth_ros.datasets.ddad import Ddad


def test_ddad_reads_metres_and_squashes_only_the_picture(tmp_path):
    depth_m = np.zeros((20, 30), np.float32)
    depth_m[3, 4] = 123.5
    write_picture(tmp_path / '000000_CAMERA_01_rgb.png', gray(20, 30))
    write_npy(tmp_path / '000000_CAMERA_01_depth.npy', depth_m)
    dataset = Ddad(tmp_path)
    sample = dataset[0]
    assert dataset.picture(sample).shape == (352, 1216, 3)
    assert sample.depth_m.shape == (20, 30)
    assert sample.depth_m[3, 4] == 123.5
    assert np.isnan(sample.depth_m).sum() == 599
    assert sample.domain == 'outdoor'
