import json

import cv2
import numpy as np
import pytest
from dataset_files import gray, write_image, write_npy, write_png16, write_sample
from PIL import Image

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.datasets.folder import Folder
from zoedepth_ros.geometry.intrinsics import Intrinsics

CAMERA = {'fx_px': 2, 'fy_px': 2, 'cx_px': 1, 'cy_px': 0.5, 'width': 3, 'height': 2}


def test_a_folder_pairs_images_with_png_or_npy_depth_below_subfolders(tmp_path):
    write_image(tmp_path / 'rgb/kitchen/2.jpg', gray(2, 2))
    write_png16(tmp_path / 'depth/kitchen/2.png', [[0, 500], [1000, 65535]])
    write_image(tmp_path / 'rgb/1.png', gray(2, 2))
    write_npy(tmp_path / 'depth/1.npy', np.array([[0.0, np.nan], [2.5, -1.0]]))
    first, second = Folder(tmp_path, domain='indoor')
    nan = np.nan
    np.testing.assert_array_equal(first.depth_m, np.float32([[nan, nan], [2.5, nan]]))
    np.testing.assert_array_equal(second.depth_m, np.float32([[nan, 0.5], [1.0, 65.535]]))
    assert second.name == 'rgb/kitchen/2.jpg'
    assert second.camera is None


def test_a_folder_may_have_its_own_steps_and_camera(tmp_path):
    write_sample(tmp_path, 'a', np.full((2, 3), 512))
    (tmp_path / 'camera.json').write_text(json.dumps(CAMERA))
    sample = Folder(tmp_path, domain='outdoor', steps_per_m=256)[0]
    assert (sample.depth_m == 2.0).all()
    assert sample.camera is not None
    assert sample.camera.fx_px == 2


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('{"focal": 3}', ''),
        ('[' * 100_000, ''),
        # a lens of 4 mm, in metres
        (json.dumps({**CAMERA, 'fx_px': 0.004, 'fy_px': 0.004}), 'a field of view of 179'),
        (json.dumps({**CAMERA, 'cx_px': 40}), 'principal point cx = 40 px is outside'),
    ],
    ids=['key', 'nested', 'metres', 'outside'],
)
def test_a_camera_file_of_no_camera_is_named(tmp_path, text, words):
    write_image(tmp_path / 'rgb/a.png', gray(2, 3))
    (tmp_path / 'camera.json').write_text(text)
    with pytest.raises(DatasetError, match=rf'camera\.json: the file is damaged \(.*{words}'):
        Folder(tmp_path, domain='indoor')


def test_the_camera_is_that_of_the_size_of_the_image(tmp_path):
    camera = {'fx_px': 8, 'fy_px': 8, 'cx_px': 5.5, 'cy_px': 3.5, 'width': 12, 'height': 8}
    for name, size in (('a', (4, 6)), ('b', (6, 6))):
        write_sample(tmp_path, name, np.full(size, 512))
    (tmp_path / 'camera.json').write_text(json.dumps(camera))
    half, cropped = 0, 1
    data = Folder(tmp_path, domain='outdoor')
    assert data[half].camera == Intrinsics(4.0, 4.0, 2.5, 1.5, 6, 4)
    with pytest.raises(DatasetError, match=r'b\.png: the image is 6 x 6 px, .* 12 x 8'):
        data[cropped]


def test_each_image_may_have_a_camera_of_its_own(tmp_path):
    def write_camera(path, fx_px):
        camera = {'fx_px': fx_px, 'fy_px': fx_px, 'cx_px': 1, 'cy_px': 1, 'width': 3, 'height': 3}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(camera))

    for name in 'ab':
        write_sample(tmp_path, name, np.full((3, 3), 512))
    write_camera(tmp_path / 'camera/a.json', 2)
    first, second = Folder(tmp_path, domain='indoor'), Folder(tmp_path, domain='indoor')
    assert first[0].camera.fx_px == 2
    with pytest.raises(DatasetError, match=r'camera/b\.json: the file does not exist'):
        second[1]
    write_camera(tmp_path / 'camera.json', 3)
    assert [sample.camera.fx_px for sample in Folder(tmp_path, domain='indoor')] == [2, 3]


def test_images_are_turned_upright_by_their_exif_as_predict_turns_them(tmp_path):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    (tmp_path / 'rgb').mkdir()
    Image.fromarray(upright[::-1, ::-1]).save(tmp_path / 'rgb/a.png', exif=exif)
    write_png16(tmp_path / 'depth/a.png', np.full((16, 24), 2000))
    sample = Folder(tmp_path, domain='indoor')[0]
    np.testing.assert_array_equal(sample.rgb, upright)


def test_depth_of_the_stored_size_beside_an_image_on_its_side_is_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    (tmp_path / 'rgb').mkdir()
    Image.fromarray(gray(16, 24)).save(tmp_path / 'rgb/a.png', exif=exif)
    write_png16(tmp_path / 'depth/a.png', np.full((16, 24), 2000))
    with pytest.raises(DatasetError, match=r'size \(16, 24\); expected \(24, 16\) as the image'):
        Folder(tmp_path, domain='indoor')[0]


@pytest.mark.parametrize('channels', [1, 3])
def test_images_of_sixteen_bits_are_refused_not_read_too_dark_or_white(tmp_path, channels):
    (tmp_path / 'rgb').mkdir()
    deep = np.full((4, 4, channels), 2000, np.uint16)
    cv2.imwrite(str(tmp_path / 'rgb/a.png'), deep)
    write_png16(tmp_path / 'depth/a.png', np.full((4, 4), 2000))
    with pytest.raises(DatasetError, match='the values have more than 8 bits'):
        Folder(tmp_path, domain='indoor')[0]
