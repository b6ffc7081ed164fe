import numpy as np
import pytest
from dataset_files import gray, write_npy, write_picture

from zoedepth_ros.datasets.diode import Diode

DEPTH_M = np.float32([[1.25, 0.0, 300.0], [4.0, 5.0, 6.0]])
MASK = np.float32([[1, 0, 1], [0, 1, 1]])


def _tree(tmp_path):
    for scan in ('scene_00021/scan_00192', 'scene_00019/scan_00183'):
        stem = f'{scan}/00019_00183_indoors_010_000'
        write_picture(tmp_path / f'{stem}.png', gray(2, 3))
        write_npy(tmp_path / f'{stem}_depth.npy', DEPTH_M[..., None])
        write_npy(tmp_path / f'{stem}_depth_mask.npy', MASK)


def test_diode_leaves_the_mask_aside_like_the_paper(tmp_path):
    _tree(tmp_path)
    depth_m = Diode(tmp_path, domain='indoor')[0].depth_m
    nan = np.nan  # 0 is no measurement; 4.0 is masked out, and stays
    np.testing.assert_array_equal(depth_m, np.float32([[1.25, nan, 300.0], [4.0, 5.0, 6.0]]))


def test_diode_applies_the_mask_when_asked(tmp_path):
    _tree(tmp_path)
    depth_m = Diode(tmp_path, domain='indoor', apply_mask=True)[0].depth_m
    nan = np.nan
    np.testing.assert_array_equal(depth_m, np.float32([[1.25, nan, 300.0], [nan, 5.0, 6.0]]))


def test_diode_is_sorted_and_knows_its_domain(tmp_path):
    _tree(tmp_path)
    dataset = Diode(tmp_path, domain='outdoor')
    assert dataset.name == 'diode_outdoor'
    assert [s.name.split('/')[0] for s in dataset] == ['scene_00019', 'scene_00021']
    assert {s.domain for s in dataset} == {'outdoor'}


@pytest.mark.parametrize(
    ('size', 'expected'), [((768, 1024), (480, 640)), ((10, 17), (480, 816)), ((7, 5), (672, 480))]
)
def test_diode_pictures_get_a_short_side_of_480(tmp_path, size, expected):
    write_picture(tmp_path / 'a/b/c.png', gray(*size))
    write_npy(tmp_path / 'a/b/c_depth.npy', np.ones((*size, 1), np.float32))
    dataset = Diode(tmp_path, domain='indoor')
    sample = dataset[0]
    assert dataset.picture(sample).shape == (*expected, 3)
    assert sample.depth_m.shape == size
