import numpy as np
from dataset_files import gray, write_picture, write_png16

from zoedepth_ros.datasets.sunrgbd import SunRgbd


def test_sunrgbd_reads_plain_millimetres_up_to_eight_metres(tmp_path):
    write_picture(tmp_path / 'rgb/rgb/img-000002.jpg', gray(2, 3))
    write_picture(tmp_path / 'rgb/rgb/img-000001.jpg', gray(2, 3))
    write_png16(tmp_path / 'gt/gt/img-000001.png', [[0, 7999, 8000], [8001, 65535, 8]])
    write_png16(tmp_path / 'gt/gt/img-000002.png', np.full((2, 3), 2500))
    first, second = SunRgbd(tmp_path)
    nan = np.nan
    np.testing.assert_array_equal(
        first.depth_m, np.float32([[nan, 7.999, 8.0], [nan, nan, 0.008]])
    )
    assert (second.depth_m == 2.5).all()
    assert first.name == 'rgb/rgb/img-000001.jpg'
    assert first.domain == 'indoor'


def test_sunrgbd_pictures_are_not_resized(tmp_path):
    write_picture(tmp_path / 'rgb/rgb/a.jpg', gray(53, 73))
    write_png16(tmp_path / 'gt/gt/a.png', np.full((53, 73), 2500))
    dataset = SunRgbd(tmp_path)
    assert dataset.picture(dataset[0]).shape == (53, 73, 3)
