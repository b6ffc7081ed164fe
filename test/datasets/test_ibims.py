import numpy as np
import pytest
from dataset_files import gray, write_picture, write_png8, write_png16

from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.ibims import Ibims


def _tree(tmp_path):
    (tmp_path / 'imagelist.txt').write_text('office_02\ncorridor_01\n')
    for stem in ('office_02', 'corridor_01'):
        write_picture(tmp_path / f'rgb/{stem}.png', gray(2, 3))
        write_png16(tmp_path / f'depth/{stem}.png', [[65535, 13107, 0], [6553, 6554, 1]])
        write_png8(tmp_path / f'mask_invalid/{stem}.png', [[1, 1, 1], [0, 1, 1]])
        write_png8(tmp_path / f'mask_transp/{stem}.png', [[1, 1, 1], [1, 0, 1]])


def test_ibims_depth_is_fifty_metres_at_full_scale_and_both_masks_hold(tmp_path):
    _tree(tmp_path)
    depth_m = Ibims(tmp_path)[0].depth_m
    nan = np.nan
    expected = [[50.0, 10.0, nan], [nan, nan, 50.0 / 65535]]
    np.testing.assert_allclose(depth_m, np.float32(expected), rtol=1e-7)


def test_ibims_masks_of_255_mean_the_same_as_masks_of_1(tmp_path):
    _tree(tmp_path)
    with_ones = Ibims(tmp_path)[0].depth_m
    write_png8(tmp_path / 'mask_invalid/office_02.png', [[255, 255, 255], [0, 255, 255]])
    write_png8(tmp_path / 'mask_transp/office_02.png', [[255, 255, 255], [255, 0, 255]])
    np.testing.assert_array_equal(Ibims(tmp_path)[0].depth_m, with_ones)


def test_ibims_follows_its_list(tmp_path):
    _tree(tmp_path)
    assert [s.name for s in Ibims(tmp_path)] == ['rgb/office_02.png', 'rgb/corridor_01.png']


def test_ibims_without_its_list_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r'imagelist\.txt: no such file'):
        Ibims(tmp_path)


def test_a_mask_of_another_size_is_refused(tmp_path):
    _tree(tmp_path)
    write_png8(tmp_path / 'mask_transp/office_02.png', np.ones((3, 3)))
    with pytest.raises(DatasetError, match=r'mask_transp.*size \(3, 3\)'):
        Ibims(tmp_path)[0]
