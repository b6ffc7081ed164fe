import numpy as np
import pytest
from dataset_files import gray, write_image, write_png16

from zoedepth_ros.datasets.registry import DATASETS, DatasetOptions, open_dataset


def test_every_data_set_of_the_paper_is_there():
    assert set(DATASETS) == {
        'nyu', 'kitti', 'sunrgbd', 'ibims', 'diode_indoor', 'diode_outdoor', 'hypersim_test',
        'vkitti2', 'ddad', 'diml_indoor', 'diml_outdoor', 'folder',
    }  # fmt: skip


def test_a_data_set_is_opened_by_its_name(tmp_path):
    write_image(tmp_path / 'A/outleft/0001.png', gray(3, 4))
    write_png16(tmp_path / 'A/depthmap/0001.png', np.full((3, 4), 7000))
    dataset = open_dataset('diml_outdoor', DatasetOptions(root=tmp_path))
    assert dataset.name == 'diml_outdoor'
    assert dataset[0].depth_m[0, 0] == 7.0


@pytest.mark.parametrize('name', DATASETS)
def test_opening_names_itself_when_nothing_is_there(tmp_path, name):
    listing = tmp_path / 'list.txt'
    listing.write_text('a.png b.png 1\n')
    options = DatasetOptions(
        root=tmp_path / 'nowhere',
        domain='indoor',
        split_list=listing if name in ('nyu', 'kitti', 'vkitti2') else None,
    )
    with pytest.raises(ValueError, match=f'^{name}: .*nowhere: no such folder'):
        open_dataset(name, options)


@pytest.mark.parametrize(
    ('name', 'options', 'reason'),
    [
        ('nyu2', {}, "no data set 'nyu2'; there are nyu, kitti"),
        ('ibims', {'split': 'train'}, 'no training part'),
        ('ibims', {'split_list': 'a.txt'}, 'no split list'),
        ('nyu', {'apply_mask': True}, 'apply_mask is for DIODE'),
        ('folder', {}, "needs domain 'indoor' or 'outdoor'"),
    ],
)
def test_options_a_data_set_does_not_have_are_refused(tmp_path, name, options, reason):
    with pytest.raises(ValueError, match=reason):
        open_dataset(name, DatasetOptions(root=tmp_path, **options))
