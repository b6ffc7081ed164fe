import numpy as np
import pytest
from dataset_files import position_picture, write_picture, write_png16

from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.kitti import Kitti

PICTURE = '2011_09_26/drive/image_02/data/0000000069.png'
DEPTH = 'drive/proj_depth/groundtruth/image_02/0000000069.png'


def _tree(tmp_path, *, height=375, width=1242, pictures='raw', depths='gts'):
    write_picture(tmp_path / pictures / PICTURE, position_picture(height, width))
    steps = np.zeros((height, width), np.uint16)
    steps[23, 13] = 256  # first pixel inside the crop of 375 x 1242: 375 - 352, (1242 - 1216) / 2
    steps[22, 13] = steps[23, 12] = 999  # just outside
    steps[374, 1228] = 65535  # last pixel inside: 13 + 1216 - 1
    steps[374, 1229] = 999
    write_png16(tmp_path / depths / DEPTH, steps)
    listing = tmp_path / 'list.txt'
    listing.write_text(f'{PICTURE} {DEPTH} 721.5377\n{PICTURE} None 721.5377\n')
    return listing


def test_kitti_reads_256ths_of_a_metre_in_the_benchmarks_crop(tmp_path):
    sample = Kitti(tmp_path, _tree(tmp_path))[0]
    assert sample.depth_m.shape == (352, 1216)
    assert sample.depth_m[0, 0] == 1.0
    assert sample.depth_m[351, 1215] == np.float32(65535 / 256)
    assert np.isfinite(sample.depth_m).sum() == 2
    assert sample.domain == 'outdoor'


def test_kitti_cuts_the_picture_like_its_depth(tmp_path):
    rgb = Kitti(tmp_path, _tree(tmp_path))[0].rgb
    assert rgb.shape == (352, 1216, 3)
    assert rgb[0, 0].tolist() == [23, 13, 0]
    assert rgb[351, 1215].tolist() == [374 % 256, 1228 % 256, 0]


def test_kitti_rounds_half_a_column_of_the_crop_down(tmp_path):
    listing = _tree(tmp_path, height=376, width=1241)
    assert Kitti(tmp_path, listing)[0].rgb[0, 0].tolist() == [24, 12, 0]


def test_kitti_leaves_out_lines_without_truth_and_counts_them(tmp_path):
    dataset = Kitti(tmp_path, _tree(tmp_path))
    assert len(dataset) == 1
    assert dataset.without_truth == 1


def test_kitti_may_lie_in_one_folder(tmp_path):
    listing = _tree(tmp_path, pictures='.', depths='.')
    assert Kitti(tmp_path, listing)[0].depth_m[0, 0] == 1.0


def test_a_picture_too_small_for_the_crop_is_refused(tmp_path):
    listing = _tree(tmp_path)
    write_picture(tmp_path / 'raw' / PICTURE, position_picture(351, 1242))
    with pytest.raises(DatasetError, match='351 x 1242; expected at least 352 x 1216'):
        Kitti(tmp_path, listing)[0]


def test_kitti_takes_the_focal_length_of_the_list_and_the_axis_of_the_whole_image(tmp_path):
    camera = Kitti(tmp_path, _tree(tmp_path))[0].camera
    assert (camera.fx_px, camera.fy_px) == (721.5377, 721.5377)
    # the middle of 1242 x 375 is (620.5, 187); 13 columns and 23 rows are cut off before it
    assert (camera.cx_px, camera.cy_px) == (607.5, 164.0)
    assert (camera.width, camera.height) == (1216, 352)
