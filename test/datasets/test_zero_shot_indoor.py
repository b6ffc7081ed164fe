"""SUN RGB-D, iBims-1, DIML, DIODE and HyperSim."""

import sys

import numpy as np
import pytest
from dataset_files import gray, write_image, write_npy, write_png8, write_png16

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.datasets.zero_shot_indoor import DimlIndoor, Diode, HyperSim, Ibims, SunRgbd
from zoedepth_ros.datasets.zero_shot_outdoor import DimlOutdoor
from zoedepth_ros.geometry.intrinsics import Intrinsics


def test_sunrgbd_reads_plain_millimetres_up_to_eight_metres(tmp_path):
    write_image(tmp_path / 'rgb/rgb/img-000002.jpg', gray(2, 3))
    write_image(tmp_path / 'rgb/rgb/img-000001.jpg', gray(2, 3))
    write_png16(tmp_path / 'gt/gt/img-000001.png', [[0, 7999, 8000], [8001, 65535, 8]])
    write_png16(tmp_path / 'gt/gt/img-000002.png', np.full((2, 3), 2500))
    first, second = SunRgbd(tmp_path)
    nan = np.nan
    np.testing.assert_array_equal(
        first.depth_m, np.float32([[nan, 7.999, 8.0], [nan, nan, 0.008]])
    )
    assert (second.depth_m == 2.5).all()
    assert first.name == 'rgb/rgb/img-000001.jpg'
    assert first.domain == 'indoor'


def test_sunrgbd_images_are_not_resized(tmp_path):
    write_image(tmp_path / 'rgb/rgb/a.jpg', gray(53, 73))
    write_png16(tmp_path / 'gt/gt/a.png', np.full((53, 73), 2500))
    dataset = SunRgbd(tmp_path)
    assert dataset.evaluation_image(dataset[0]).shape == (53, 73, 3)


def ibims__tree(tmp_path):
    (tmp_path / 'imagelist.txt').write_text('office_02\ncorridor_01\n')
    for stem in ('office_02', 'corridor_01'):
        write_image(tmp_path / f'rgb/{stem}.png', gray(2, 3))
        write_png16(tmp_path / f'depth/{stem}.png', [[65535, 13107, 0], [6553, 6554, 1]])
        write_png8(tmp_path / f'mask_invalid/{stem}.png', [[1, 1, 1], [0, 1, 1]])
        write_png8(tmp_path / f'mask_transp/{stem}.png', [[1, 1, 1], [1, 0, 1]])


def test_ibims_depth_is_fifty_metres_at_full_scale_and_both_masks_hold(tmp_path):
    ibims__tree(tmp_path)
    depth_m = Ibims(tmp_path)[0].depth_m
    nan = np.nan
    expected = [[50.0, 10.0, nan], [nan, nan, 50.0 / 65535]]
    np.testing.assert_allclose(depth_m, np.float32(expected), rtol=1e-7)


def test_ibims_masks_of_255_mean_the_same_as_masks_of_1(tmp_path):
    ibims__tree(tmp_path)
    with_ones = Ibims(tmp_path)[0].depth_m
    write_png8(tmp_path / 'mask_invalid/office_02.png', [[255, 255, 255], [0, 255, 255]])
    write_png8(tmp_path / 'mask_transp/office_02.png', [[255, 255, 255], [255, 0, 255]])
    np.testing.assert_array_equal(Ibims(tmp_path)[0].depth_m, with_ones)


def test_ibims_follows_its_list(tmp_path):
    ibims__tree(tmp_path)
    assert [s.name for s in Ibims(tmp_path)] == ['rgb/office_02.png', 'rgb/corridor_01.png']


def test_ibims_without_its_list_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r'imagelist\.txt: the file does not exist'):
        Ibims(tmp_path)


def test_a_mask_of_another_size_is_refused(tmp_path):
    ibims__tree(tmp_path)
    write_png8(tmp_path / 'mask_transp/office_02.png', np.ones((3, 3)))
    with pytest.raises(DatasetError, match=r'mask_transp.*size \(3, 3\)'):
        Ibims(tmp_path)[0]


def test_ibims_has_the_camera_of_its_calibration_files(tmp_path):
    ibims__tree(tmp_path)
    (tmp_path / 'calib').mkdir()
    (tmp_path / 'calib/office_02.txt').write_text('559.4,558.7,319.5,240.5\n')
    with_file, without_file = Ibims(tmp_path)
    assert with_file.camera == Intrinsics(559.4, 558.7, 319.5, 240.5, 3, 2)
    assert without_file.camera is None


@pytest.mark.parametrize('text', ['', '559.4 558.7 319.5', 'fx,fy,cx,cy', '0,0,319.5,240.5'])
def test_an_ibims_calibration_that_is_none_is_refused(tmp_path, text):
    ibims__tree(tmp_path)
    (tmp_path / 'calib').mkdir()
    (tmp_path / 'calib/office_02.txt').write_text(text)
    with pytest.raises(
        DatasetError, match=r'calib/office_02\.txt.*expected four numbers: fx, fy, cx, cy'
    ):
        Ibims(tmp_path)[0]


@pytest.mark.parametrize(('size', 'focal_px'), [((768, 1024), 886.81), ((768, 1023), 0.0)])
def test_diode_has_its_published_camera_at_its_published_size(tmp_path, size, focal_px):
    stem = tmp_path / 'scene_00019/scan_00183/00019_00183_indoors_000_010'
    write_image(stem.with_suffix('.png'), gray(*size))
    write_npy(stem.with_name(f'{stem.name}_depth.npy'), np.full((*size, 1), 2.0, np.float32))
    camera = Diode(tmp_path, domain='indoor')[0].camera
    assert (camera.fx_px if camera else 0.0) == focal_px
    assert camera is None or (camera.fy_px, camera.cx_px, camera.cy_px) == (927.06, 512, 384)


def test_diml_indoor_reads_the_filled_depth_of_the_low_resolution_part(tmp_path):
    for part in ('LR', 'HR'):
        scene = tmp_path / part / '1. Classroom'
        write_image(scene / 'color/in_k_01_c.png', gray(3, 4))
        write_png16(scene / 'depth_filled/in_k_01_depth_filled.png', np.full((3, 4), 3210))
    dataset = DimlIndoor(tmp_path)
    (sample,) = dataset
    assert sample.name.startswith('LR/')
    np.testing.assert_array_equal(sample.depth_m, np.full((3, 4), 3.21, np.float32))
    assert dataset.evaluation_image(sample).shape == (480, 640, 3)
    assert sample.domain == 'indoor'


def test_diml_outdoor_reads_millimetres_and_keeps_the_image(tmp_path):
    write_image(tmp_path / 'A/outleft/0001.png', gray(3, 4))
    write_png16(tmp_path / 'A/depthmap/0001.png', [[0, 2000, 2001, 65535]] * 3)
    dataset = DimlOutdoor(tmp_path)
    (sample,) = dataset
    np.testing.assert_array_equal(sample.depth_m[0], np.float32([np.nan, 2.0, 2.001, 65.535]))
    assert dataset.evaluation_image(sample).shape == (3, 4, 3)
    assert sample.domain == 'outdoor'


DIODE_DEPTH_M = np.float32([[1.25, 0.0, 300.0], [4.0, 5.0, 6.0]])
DIODE_MASK = np.float32([[1, 0, 1], [0, 1, 1]])


def diode__tree(tmp_path):
    for scan in ('scene_00021/scan_00192', 'scene_00019/scan_00183'):
        stem = f'{scan}/00019_00183_indoors_010_000'
        write_image(tmp_path / f'{stem}.png', gray(2, 3))
        write_npy(tmp_path / f'{stem}_depth.npy', DIODE_DEPTH_M[..., None])
        write_npy(tmp_path / f'{stem}_depth_mask.npy', DIODE_MASK)


def test_diode_leaves_the_mask_aside_like_the_paper(tmp_path):
    diode__tree(tmp_path)
    depth_m = Diode(tmp_path, domain='indoor')[0].depth_m
    nan = np.nan  # 0 is no measurement; 4.0 is masked out, and stays
    np.testing.assert_array_equal(depth_m, np.float32([[1.25, nan, 300.0], [4.0, 5.0, 6.0]]))


def test_diode_is_sorted_and_knows_its_domain(tmp_path):
    diode__tree(tmp_path)
    dataset = Diode(tmp_path, domain='outdoor')
    assert dataset.name == 'diode_outdoor'
    assert [s.name.split('/')[0] for s in dataset] == ['scene_00019', 'scene_00021']
    assert {s.domain for s in dataset} == {'outdoor'}


@pytest.mark.parametrize(
    ('size', 'expected'), [((768, 1024), (480, 640)), ((10, 17), (480, 816)), ((7, 5), (672, 480))]
)
def test_diode_images_get_a_short_side_of_480(tmp_path, size, expected):
    write_image(tmp_path / 'a/b/c.png', gray(*size))
    write_npy(tmp_path / 'a/b/c_depth.npy', np.ones((*size, 1), np.float32))
    dataset = Diode(tmp_path, domain='indoor')
    sample = dataset[0]
    assert dataset.evaluation_image(sample).shape == (*expected, 3)
    assert sample.depth_m.shape == size


HYPERSIM_PICTURE = 'ai_001_010/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg'
HYPERSIM_DEPTH = 'ai_001_010/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5'


def hypersim__tree(tmp_path, distance_m):
    h5py = pytest.importorskip('h5py')
    write_image(tmp_path / HYPERSIM_PICTURE, gray(768, 1024))
    (tmp_path / HYPERSIM_DEPTH).parent.mkdir(parents=True)
    with h5py.File(tmp_path / HYPERSIM_DEPTH, 'w') as file:
        file['dataset'] = distance_m


def test_hypersim_turns_distance_into_depth_along_z(tmp_path):
    distance_m = np.full((768, 1024), 2.0, np.float16)
    distance_m[100, 100] = np.nan
    hypersim__tree(tmp_path, distance_m)
    sample = HyperSim(tmp_path)[0]
    # corner: offsets 511.5 and 383.5 px; 2 * 886.81 / sqrt(511.5^2 + 383.5^2 + 886.81^2)
    assert sample.depth_m[0, 0] == pytest.approx(1.6223772, abs=1e-6)
    assert sample.depth_m[767, 1023] == pytest.approx(1.6223772, abs=1e-6)
    # middle: offsets of half a pixel; 2 / sqrt(1 + 0.5 / 886.81^2)
    assert sample.depth_m[383, 511] == pytest.approx(1.99999936, abs=1e-6)
    # right edge in the middle row: 2 * 886.81 / sqrt(511.5^2 + 0.5^2 + 886.81^2)
    assert sample.depth_m[383, 1023] == pytest.approx(1.7324734, abs=1e-6)
    assert np.isnan(sample.depth_m[100, 100])


def test_hypersim_images_become_480_by_640_and_depth_keeps_its_size(tmp_path):
    hypersim__tree(tmp_path, np.ones((768, 1024), np.float32))
    dataset = HyperSim(tmp_path)
    sample = dataset[0]
    assert dataset.evaluation_image(sample).shape == (480, 640, 3)
    assert sample.depth_m.shape == (768, 1024)
    assert sample.camera is not None
    assert sample.camera.fx_px == 886.81


def test_hypersim_of_another_size_is_refused_because_the_focal_length_would_be_wrong(tmp_path):
    hypersim__tree(tmp_path, np.ones((384, 512), np.float32))
    with pytest.raises(DatasetError, match='768 x 1024'):
        HyperSim(tmp_path)[0]


def test_hypersim_without_h5py_reports_what_to_install(tmp_path, monkeypatch):
    hypersim__tree(tmp_path, np.ones((768, 1024), np.float32))
    dataset = HyperSim(tmp_path)
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(DatasetError, match='pip install h5py'):
        dataset[0]


def test_a_damaged_hdf5_file_is_named(tmp_path):
    hypersim__tree(tmp_path, np.ones((768, 1024), np.float32))
    (tmp_path / HYPERSIM_DEPTH).write_bytes(b'not hdf5')
    with pytest.raises(DatasetError, match=r'depth_meters\.hdf5: the file is damaged'):
        HyperSim(tmp_path)[0]
