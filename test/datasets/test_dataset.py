"""What all data sets share, and how they are opened by name."""

import io
import pickle
import re
import struct
import zlib

import numpy as np
import pytest
from dataset_files import gray, write_image, write_npy, write_png8, write_png16, write_sample
from PIL import Image

from zoedepth_ros.datasets.dataset import resize_for_evaluation
from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.datasets.folder import Folder
from zoedepth_ros.datasets.registry import DATASETS, DatasetOptions, open_dataset
from zoedepth_ros.datasets.zero_shot_indoor import SunRgbd


def _tree(tmp_path):
    for stem in 'abcd':
        write_sample(tmp_path, stem, np.full((4, 4), 1000))
    image = tmp_path / 'rgb/b.png'
    image.write_bytes(image.read_bytes()[:50])  # cut short in the pixels
    (tmp_path / 'depth/c.png').unlink()


def test_a_damaged_or_missing_file_stops_and_is_named_with_what_was_expected(tmp_path):
    _tree(tmp_path)
    dataset = Folder(tmp_path, domain='indoor')
    with pytest.raises(
        DatasetError, match=r'^folder: .*rgb/b\.png: the file is damaged .*; expected an image'
    ):
        dataset[1]
    with pytest.raises(
        DatasetError, match=r'depth/c\.png: the file does not exist; expected a 16-bit PNG'
    ):
        dataset[2]
    with pytest.raises(DatasetError, match=r'rgb/b\.png'):
        list(dataset)


def test_on_request_damaged_files_are_skipped_counted_and_listed(tmp_path):
    _tree(tmp_path)
    dataset = Folder(tmp_path, domain='indoor', skip_damaged=True)
    for _ in range(2):  # the list is that of the latest pass, not of all
        assert [sample.name for sample in dataset] == ['rgb/a.png', 'rgb/d.png']
        named = [re.findall(r'(\w+\.png):', str(error)) for error in dataset.skipped]
        assert named == [['b.png'], ['c.png']]


def test_depth_of_eight_bits_is_refused(tmp_path):
    write_image(tmp_path / 'rgb/a.png', gray(4, 4))
    write_png8(tmp_path / 'depth/a.png', np.full((4, 4), 10))
    with pytest.raises(DatasetError, match="mode 'L'"):
        Folder(tmp_path, domain='indoor')[0]


def test_depth_of_another_size_than_its_image_is_refused(tmp_path):
    write_image(tmp_path / 'rgb/a.png', gray(4, 4))
    write_png16(tmp_path / 'depth/a.png', np.full((4, 5), 10))
    with pytest.raises(DatasetError, match=r'size \(4, 5\); expected \(4, 4\) as the image'):
        Folder(tmp_path, domain='indoor')[0]


def test_a_text_file_in_the_place_of_an_image_is_refused(tmp_path):
    (tmp_path / 'rgb/rgb').mkdir(parents=True)
    (tmp_path / 'rgb/rgb/a.jpg').write_text('not an image')
    with pytest.raises(DatasetError, match='the file is not an image'):
        SunRgbd(tmp_path)[0]


def _npz(path):
    data = io.BytesIO()
    np.savez(data, depth=np.ones((4, 4)))
    path.write_bytes(data.getvalue())


def _npy(path, header):
    path.write_bytes(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header)


BAD_NPY = {
    'archive': _npz,
    'cut archive': lambda path: path.write_bytes(b'PK\x03\x04'),
    'text': lambda path: write_npy(path, np.array([['near', 'far']])),
    'complex': lambda path: write_npy(path, np.ones((4, 4), complex)),
    'dates': lambda path: write_npy(path, np.ones((4, 4), 'datetime64[s]')),
    'header cut': lambda path: _npy(path, b"{'shape': ((\n"),
    'a petabyte': lambda path: _npy(
        path, b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000, 100000000), }\n"
    ),
}


@pytest.mark.parametrize('bad', BAD_NPY.values(), ids=BAD_NPY)
def test_a_file_that_is_no_array_of_numbers_is_skipped_on_request_like_a_damaged_one(
    tmp_path, bad
):
    write_image(tmp_path / 'rgb/a.png', gray(4, 4))
    write_image(tmp_path / 'rgb/b.png', gray(4, 4))
    write_npy(tmp_path / 'depth/a.npy', np.ones((4, 4)))
    bad(tmp_path / 'depth/b.npy')
    dataset = Folder(tmp_path, domain='indoor', skip_damaged=True)
    assert [sample.name for sample in dataset] == ['rgb/a.png']
    assert [re.search(r'depth/b\.npy', str(error)) is None for error in dataset.skipped] == [False]


def test_an_image_too_large_to_decode_is_skipped_on_request_like_a_damaged_one(tmp_path):
    header = b'IHDR' + struct.pack('>IIBBBBB', 60_000, 60_000, 8, 2, 0, 0, 0)
    check = struct.pack('>I', zlib.crc32(header))
    (tmp_path / 'rgb').mkdir()
    png = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + header + check
    (tmp_path / 'rgb/a.png').write_bytes(png + bytes(4) + b'IDAT' + bytes(4))
    write_png16(tmp_path / 'depth/a.png', np.full((4, 4), 1000))
    dataset = Folder(tmp_path, domain='indoor', skip_damaged=True)
    assert list(dataset) == []
    assert 'rgb/a.png: the file is damaged' in str(dataset.skipped[0])


def test_depth_beyond_sixteen_bits_under_the_name_of_a_png_is_refused(tmp_path):
    write_image(tmp_path / 'rgb/a.png', gray(4, 4))
    (tmp_path / 'depth').mkdir()
    far = Image.fromarray(np.full((4, 4), 70_000, np.int32))
    far.save(tmp_path / 'depth/a.png', format='TIFF')
    with pytest.raises(DatasetError, match='format TIFF .*; expected a 16-bit PNG'):
        Folder(tmp_path, domain='indoor')[0]


def test_a_root_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(DatasetError, match='the folder does not exist'):
        SunRgbd(tmp_path / 'nowhere')
    with pytest.raises(DatasetError, match=r'no image was found; expected files named rgb/rgb/\*'):
        SunRgbd(tmp_path)


def test_an_error_survives_the_way_from_a_worker_process():
    error = DatasetError('nyu', '/data/a.png', 'damaged', 'an image')
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == 'nyu: /data/a.png: damaged; expected an image'


def _row(*levels):
    return np.repeat(np.array(levels, np.uint8)[None, :, None], 3, axis=2)


def test_an_untouched_image_only_becomes_fractions():
    image = resize_for_evaluation(_row(0, 51, 255), None)
    np.testing.assert_allclose(image[0, :, 0], [0.0, 0.2, 1.0], atol=1e-7)
    assert image.dtype == np.float32


def test_convention_halving_averages_neighbours_without_a_wider_filter():
    """Half-pixel centres: out pixel i looks at 4 i + 1.5, between two pixels of four."""
    image = resize_for_evaluation(_row(0, 10, 20, 99, 0, 30, 50, 99), (1, 2))
    np.testing.assert_allclose(image[0, :, 1] * 255, [15.0, 40.0], atol=1e-4)


def test_convention_enlarging_keeps_the_edges_and_never_rounds():
    image = resize_for_evaluation(_row(0, 1), (1, 4))
    np.testing.assert_allclose(image[0, :, 2] * 255, [0.0, 0.25, 0.75, 1.0], atol=1e-5)


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
        domain='indoor' if name == 'folder' else '',
        split_list=listing if name in ('nyu', 'kitti', 'vkitti2') else None,
    )
    with pytest.raises(ValueError, match=f'^{name}: .*nowhere: the folder does not exist'):
        open_dataset(name, options)


@pytest.mark.parametrize(
    ('name', 'options', 'reason'),
    [
        ('nyu2', {}, "unknown data set 'nyu2': expected one of nyu, kitti"),
        ('ibims', {'split': 'train'}, 'the data set ibims cannot be used for training, only '),
        ('ibims', {'split_list': 'a.txt'}, 'has no option split list, which is only for'),
        ('ibims', {'domain': 'outdoor'}, 'ibims has no option domain, which is only for folder'),
        ('kitti', {'steps_per_m': 100.0}, 'has no option steps per m, which is only for folder'),
        ('folder', {}, "needs the domain 'indoor' or 'outdoor'"),
    ],
)
def test_options_a_data_set_does_not_have_are_refused(tmp_path, name, options, reason):
    with pytest.raises(ValueError, match=reason):
        open_dataset(name, DatasetOptions(root=tmp_path, **options))
