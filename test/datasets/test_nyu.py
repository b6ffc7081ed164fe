import numpy as np
import pytest
from dataset_files import gray, position_picture, write_picture, write_png16

from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.nyu import Nyu


def _tree(tmp_path, folder='official_splits/test'):
    write_picture(tmp_path / folder / 'bathroom/rgb_00045.png', position_picture(2, 3))
    write_png16(tmp_path / folder / 'bathroom/sync_depth_00045.png', [[0, 1, 1500], [9999, 2, 3]])
    listing = tmp_path / 'list.txt'
    listing.write_text('/bathroom/rgb_00045.png /bathroom/sync_depth_00045.png 518.8579\n')
    return listing


def test_nyu_reads_millimetres_and_takes_zero_as_unknown(tmp_path):
    sample = Nyu(tmp_path, _tree(tmp_path))[0]
    expected = np.float32([[np.nan, 0.001, 1.5], [9.999, 0.002, 0.003]])
    np.testing.assert_array_equal(sample.depth_m, expected)
    np.testing.assert_array_equal(sample.rgb, position_picture(2, 3))
    assert sample.domain == 'indoor'
    assert sample.name == 'official_splits/test/bathroom/rgb_00045.png'


def test_nyu_paths_of_the_list_may_start_with_a_slash(tmp_path):
    listing = _tree(tmp_path)
    with_slash = Nyu(tmp_path, listing)[0].depth_m
    listing.write_text('bathroom/rgb_00045.png bathroom/sync_depth_00045.png 518.8579\n')
    np.testing.assert_array_equal(Nyu(tmp_path, listing)[0].depth_m, with_slash)


def test_nyu_trains_on_sync_and_a_root_may_be_the_folder_itself(tmp_path):
    listing = _tree(tmp_path, 'sync')
    assert Nyu(tmp_path, listing, split='train')[0].depth_m[0, 2] == 1.5
    assert Nyu(tmp_path / 'sync', listing, split='train')[0].depth_m[0, 2] == 1.5


def test_nyu_keeps_the_order_of_the_list(tmp_path):
    for stem in ('b', 'a'):
        write_picture(tmp_path / f'{stem}.png', gray(2, 2))
        write_png16(tmp_path / f'{stem}_d.png', np.ones((2, 2)))
    listing = tmp_path / 'list.txt'
    listing.write_text('b.png b_d.png 1\na.png a_d.png 1\n')
    assert [sample.name for sample in Nyu(tmp_path, listing)] == ['b.png', 'a.png']


def test_a_missing_list_is_answered_with_where_to_get_it(tmp_path):
    with pytest.raises(DatasetError, match='nyudepthv2_test_files_with_gt.txt') as error:
        Nyu(tmp_path, None)
    assert 'github.com/isl-org/ZoeDepth' in str(error.value)
    with pytest.raises(DatasetError, match='nyudepthv2_train_files_with_gt.txt'):
        Nyu(tmp_path, tmp_path / 'none.txt', split='train')


@pytest.mark.parametrize('line', ['only_a_picture.png', 'a.png b.png', 'a.png b.png far'])
def test_a_bad_line_of_the_list_is_named(tmp_path, line):
    listing = tmp_path / 'list.txt'
    listing.write_text(f'x.png y.png 518.8\n{line}\n')
    with pytest.raises(DatasetError, match=f'line 2 is {line!r}'):
        Nyu(tmp_path, listing)


def test_nyu_takes_the_focal_length_of_the_list_and_the_middle_for_the_axis(tmp_path):
    camera = Nyu(tmp_path, _tree(tmp_path))[0].camera
    assert (camera.fx_px, camera.fy_px) == (518.8579, 518.8579)
    assert (camera.cx_px, camera.cy_px, camera.width, camera.height) == (1.0, 0.5, 3, 2)
