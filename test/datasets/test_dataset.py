"""What all data sets do alike, seen on one of them."""

import pickle

import numpy as np
import pytest
from dataset_files import gray, write_picture, write_png8, write_png16

from zoedepth_ros.datasets.errors import DatasetError
from zoedepth_ros.datasets.folder import Folder
from zoedepth_ros.datasets.sunrgbd import SunRgbd


def _tree(tmp_path):
    for stem in 'abcd':
        write_picture(tmp_path / f'rgb/{stem}.png', gray(4, 4))
        write_png16(tmp_path / f'depth/{stem}.png', np.full((4, 4), 1000))
    picture = tmp_path / 'rgb/b.png'
    picture.write_bytes(picture.read_bytes()[:50])  # cut short in the pixels
    (tmp_path / 'depth/c.png').unlink()


def test_a_damaged_or_missing_file_stops_and_is_named_with_what_was_expected(tmp_path):
    _tree(tmp_path)
    dataset = Folder(tmp_path, domain='indoor')
    with pytest.raises(
        DatasetError, match=r'^folder: .*rgb/b\.png: damaged .*; expected an image'
    ):
        dataset[1]
    with pytest.raises(DatasetError, match=r'depth/c\.png: no such file; expected a 16-bit PNG'):
        dataset[2]
    with pytest.raises(DatasetError, match=r'rgb/b\.png'):
        list(dataset)


def test_on_request_damaged_files_are_skipped_counted_and_listed(tmp_path):
    _tree(tmp_path)
    dataset = Folder(tmp_path, domain='indoor', skip_damaged=True)
    for _ in range(2):  # the list is that of the latest pass, not of all
        assert [sample.name for sample in dataset] == ['rgb/a.png', 'rgb/d.png']
        assert [error.path.split('/')[-1] for error in dataset.skipped] == ['b.png', 'c.png']


def test_depth_of_eight_bits_is_refused(tmp_path):
    write_picture(tmp_path / 'rgb/a.png', gray(4, 4))
    write_png8(tmp_path / 'depth/a.png', np.full((4, 4), 10))
    with pytest.raises(DatasetError, match="mode 'L'"):
        Folder(tmp_path, domain='indoor')[0]


def test_depth_of_another_size_than_its_picture_is_refused(tmp_path):
    write_picture(tmp_path / 'rgb/a.png', gray(4, 4))
    write_png16(tmp_path / 'depth/a.png', np.full((4, 5), 10))
    with pytest.raises(DatasetError, match=r'\(4, 5\) beside a picture of \(4, 4\)'):
        Folder(tmp_path, domain='indoor')[0]


def test_a_text_file_in_the_place_of_a_picture_is_refused(tmp_path):
    (tmp_path / 'rgb/rgb').mkdir(parents=True)
    (tmp_path / 'rgb/rgb/a.jpg').write_text('not a picture')
    with pytest.raises(DatasetError, match='not a picture'):
        SunRgbd(tmp_path)[0]


def test_a_root_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(DatasetError, match='no such folder'):
        SunRgbd(tmp_path / 'nowhere')
    with pytest.raises(DatasetError, match=r'no picture found; expected files rgb/rgb/\*'):
        SunRgbd(tmp_path)


def test_an_error_survives_the_way_from_a_worker_process():
    error = DatasetError('nyu', '/data/a.png', 'damaged', 'a picture')
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == 'nyu: /data/a.png: damaged; expected a picture'
    assert again.path == '/data/a.png'
