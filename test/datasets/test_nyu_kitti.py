"""NYU Depth v2 and KITTI."""

import numpy as np
import pytest
from dataset_files import gray, position_image, write_image, write_png16

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.datasets.nyu_kitti import Kitti, Nyu


def nyu__tree(tmp_path, folder='official_splits/test'):
    write_image(tmp_path / folder / 'bathroom/rgb_00045.png', position_image(2, 3))
    write_png16(tmp_path / folder / 'bathroom/sync_depth_00045.png', [[0, 1, 1500], [9999, 2, 3]])
    listing = tmp_path / 'list.txt'
    listing.write_text('/bathroom/rgb_00045.png /bathroom/sync_depth_00045.png 518.8579\n')
    return listing


def test_nyu_reads_millimetres_and_takes_zero_as_unknown(tmp_path):
    sample = Nyu(tmp_path, nyu__tree(tmp_path))[0]
    expected = np.float32([[np.nan, 0.001, 1.5], [9.999, 0.002, 0.003]])
    np.testing.assert_array_equal(sample.depth_m, expected)
    np.testing.assert_array_equal(sample.rgb, position_image(2, 3))
    assert sample.domain == 'indoor'
    assert sample.name == 'official_splits/test/bathroom/rgb_00045.png'


def test_nyu_paths_of_the_list_may_start_with_a_slash(tmp_path):
    listing = nyu__tree(tmp_path)
    with_slash = Nyu(tmp_path, listing)[0].depth_m
    listing.write_text('bathroom/rgb_00045.png bathroom/sync_depth_00045.png 518.8579\n')
    np.testing.assert_array_equal(Nyu(tmp_path, listing)[0].depth_m, with_slash)


def test_nyu_trains_on_sync_and_a_root_may_be_the_folder_itself(tmp_path):
    listing = nyu__tree(tmp_path, 'sync')
    assert Nyu(tmp_path, listing, split='train')[0].depth_m[0, 2] == 1.5
    assert Nyu(tmp_path / 'sync', listing, split='train')[0].depth_m[0, 2] == 1.5


def test_nyu_keeps_the_order_of_the_list(tmp_path):
    for stem in ('b', 'a'):
        write_image(tmp_path / f'{stem}.png', gray(2, 2))
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


BAD_LINES = 'only_a_image.png', 'a.png b.png', *(f'a.png b.png {f}' for f in ('far', 'nan', '-1'))


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        *(
            (f'x.png y.png 518.8\n{line}\n'.encode(), f'line 2, not counting .* is {line!r}')
            for line in BAD_LINES
        ),
        (b'\n', 'the data set has no image'),
        (b'\xff.png b.png 1', r'list\.txt: the file is damaged'),
    ],
)
def test_a_list_with_a_bad_line_of_nothing_or_of_another_encoding_is_named(
    tmp_path, content, words
):
    listing = tmp_path / 'list.txt'
    listing.write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        Nyu(tmp_path, listing)


def test_nyu_takes_the_focal_length_of_the_list_and_the_middle_for_the_axis(tmp_path):
    camera = Nyu(tmp_path, nyu__tree(tmp_path))[0].camera
    assert (camera.fx_px, camera.fy_px) == (518.8579, 518.8579)
    assert (camera.cx_px, camera.cy_px, camera.width, camera.height) == (1.0, 0.5, 3, 2)


KITTI_PICTURE = '2011_09_26/drive/image_02/data/0000000069.png'
KITTI_DEPTH = 'drive/proj_depth/groundtruth/image_02/0000000069.png'


def kitti__tree(tmp_path, *, height=375, width=1242, images='raw', depths='gts'):
    write_image(tmp_path / images / KITTI_PICTURE, position_image(height, width))
    steps = np.zeros((height, width), np.uint16)
    steps[23, 13] = 256  # first pixel inside the crop of 375 x 1242: 375 - 352, (1242 - 1216) / 2
    steps[22, 13] = steps[23, 12] = 999  # just outside
    steps[374, 1228] = 65535  # last pixel inside: 13 + 1216 - 1
    steps[374, 1229] = 999
    write_png16(tmp_path / depths / KITTI_DEPTH, steps)
    listing = tmp_path / 'list.txt'
    listing.write_text(f'{KITTI_PICTURE} {KITTI_DEPTH} 721.5377\n{KITTI_PICTURE} None 721.5377\n')
    return listing


def test_kitti_reads_256ths_of_a_metre_in_the_benchmarks_crop(tmp_path):
    sample = Kitti(tmp_path, kitti__tree(tmp_path))[0]
    assert sample.depth_m.shape == (352, 1216)
    assert sample.depth_m[0, 0] == 1.0
    assert sample.depth_m[351, 1215] == np.float32(65535 / 256)
    assert np.isfinite(sample.depth_m).sum() == 2
    assert sample.domain == 'outdoor'


def test_kitti_cuts_the_image_like_its_depth(tmp_path):
    rgb = Kitti(tmp_path, kitti__tree(tmp_path))[0].rgb
    assert rgb.shape == (352, 1216, 3)
    assert rgb[0, 0].tolist() == [23, 13, 0]
    assert rgb[351, 1215].tolist() == [374 % 256, 1228 % 256, 0]


def test_kitti_rounds_half_a_column_of_the_crop_down(tmp_path):
    listing = kitti__tree(tmp_path, height=376, width=1241)
    assert Kitti(tmp_path, listing)[0].rgb[0, 0].tolist() == [24, 12, 0]


def test_kitti_leaves_out_lines_without_ground_truth(tmp_path):
    dataset = Kitti(tmp_path, kitti__tree(tmp_path))
    assert len(dataset) == 1


def test_kitti_may_lie_in_one_folder(tmp_path):
    listing = kitti__tree(tmp_path, images='.', depths='.')
    assert Kitti(tmp_path, listing)[0].depth_m[0, 0] == 1.0


def test_an_image_too_small_for_the_crop_is_refused(tmp_path):
    listing = kitti__tree(tmp_path)
    write_image(tmp_path / 'raw' / KITTI_PICTURE, position_image(351, 1242))
    with pytest.raises(DatasetError, match='351 x 1242 px .*; expected at least 352 x 1216 px'):
        Kitti(tmp_path, listing)[0]


def test_kitti_takes_the_focal_length_of_the_list_and_the_axis_of_the_whole_image(tmp_path):
    camera = Kitti(tmp_path, kitti__tree(tmp_path))[0].camera
    assert (camera.fx_px, camera.fy_px) == (721.5377, 721.5377)
    # the middle of 1242 x 375 is (620.5, 187); 13 columns and 23 rows are cut off before it
    assert (camera.cx_px, camera.cy_px) == (607.5, 164.0)
    assert (camera.width, camera.height) == (1216, 352)
