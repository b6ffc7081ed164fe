"""DDAD and Virtual KITTI 2."""

import numpy as np
import pytest
from dataset_files import gray, position_image, write_image, write_npy, write_png16

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.datasets.zero_shot_outdoor import Ddad, VirtualKitti2


def test_ddad_reads_metres_and_resizes_only_the_image(tmp_path):
    depth_m = np.zeros((20, 30), np.float32)
    depth_m[3, 4] = 123.5
    write_image(tmp_path / '000000_CAMERA_01_rgb.png', gray(20, 30))
    write_npy(tmp_path / '000000_CAMERA_01_depth.npy', depth_m)
    dataset = Ddad(tmp_path)
    sample = dataset[0]
    assert dataset.evaluation_image(sample).shape == (352, 1216, 3)
    assert sample.depth_m.shape == (20, 30)
    assert sample.depth_m[3, 4] == 123.5
    assert np.isnan(sample.depth_m).sum() == 599
    assert sample.domain == 'outdoor'


def vkitti2__frame(tmp_path, scene, number):
    folder = f'{scene}/frames'
    image = tmp_path / f'rgb/{folder}/rgb/Camera_0/rgb_{number:05d}.jpg'
    write_image(image, position_image(375, 1242))
    depth_cm = np.full((375, 1242), 8001, np.uint16)
    depth_cm[23, 13], depth_cm[23, 14], depth_cm[23, 15] = 8000, 65535, 125
    write_png16(tmp_path / f'depth/{folder}/depth/Camera_0/depth_{number:05d}.png', depth_cm)
    return image


def test_vkitti2_reads_centimetres_up_to_eighty_metres_in_the_crop(tmp_path):
    vkitti2__frame(tmp_path, 'Scene01/15-deg-left', 7)
    sample = VirtualKitti2(tmp_path)[0]
    assert sample.depth_m.shape == (352, 1216)
    assert sample.rgb.shape == (352, 1216, 3)
    np.testing.assert_array_equal(sample.depth_m[0, :4], np.float32([80.0, np.nan, 1.25, np.nan]))
    assert np.isfinite(sample.depth_m).sum() == 2


def test_vkitti2_has_its_published_camera_moved_by_the_crop(tmp_path):
    vkitti2__frame(tmp_path, 'Scene01/clone', 1)
    camera = VirtualKitti2(tmp_path)[0].camera
    assert (camera.fx_px, camera.fy_px) == (725.0087, 725.0087)
    # the crop begins at row 23 and column 13: see the values in the test above
    assert (camera.cx_px, camera.cy_px) == (607.5, 164.0)


def test_vkitti2_finds_camera_0_at_any_depth_and_nothing_else(tmp_path):
    vkitti2__frame(tmp_path, 'Scene01/clone', 1)
    write_image(
        tmp_path / 'rgb/Scene01/clone/frames/rgb/Camera_1/rgb_00001.jpg',
        position_image(375, 1242),
    )
    assert [s.name for s in VirtualKitti2(tmp_path)] == [
        'rgb/Scene01/clone/frames/rgb/Camera_0/rgb_00001.jpg'
    ]


def test_vkitti2_holds_out_eight_per_cent_the_same_way_every_time(tmp_path):
    for number in range(50):
        path = tmp_path / f'rgb/Scene01/clone/frames/rgb/Camera_0/rgb_{number:05d}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    test = [e.image for e in VirtualKitti2(tmp_path).entries]
    train = [e.image for e in VirtualKitti2(tmp_path, split='train').entries]
    assert (len(test), len(train)) == (4, 46)  # int(50 * 0.92) = 46
    assert not set(test) & set(train)
    assert [e.image for e in VirtualKitti2(tmp_path).entries] == test
    assert not (tmp_path / 'test.txt').exists()


def test_vkitti2_takes_the_split_that_lies_in_its_root_even_when_moved(tmp_path):
    frames = [vkitti2__frame(tmp_path, 'Scene01/clone', number) for number in (1, 2, 3)]
    listed = frames[1].relative_to(tmp_path).as_posix()
    (tmp_path / 'test.txt').write_text(f'/old/rgb/place/{listed}')
    (sample,) = VirtualKitti2(tmp_path)
    assert sample.name == listed
    assert sample.depth_m[0, 0] == 80.0


def test_vkitti2_takes_a_given_split(tmp_path):
    frames = [vkitti2__frame(tmp_path, 'Scene01/clone', number) for number in (1, 2)]
    listing = tmp_path / 'mine.txt'
    listing.write_text('\n'.join(map(str, frames)))
    assert len(VirtualKitti2(tmp_path, listing)) == 2
    with pytest.raises(DatasetError, match=r'gone\.txt: the file does not exist'):
        VirtualKitti2(tmp_path, tmp_path / 'gone.txt')
