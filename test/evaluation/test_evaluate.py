import math
from dataclasses import replace

import numpy as np
import pytest
from constant_network import ConstantNetwork
from listed_samples import ListedSamples, flat_sample

from zoedepth_ros.datasets.file_formats import DatasetError
from zoedepth_ros.datasets.zero_shot_indoor import HyperSim
from zoedepth_ros.evaluation.evaluate import evaluate, predict_sample


def _two_metres(image, head):
    return np.full((2, 3), 2.0)


def predicted(network, sample, head='auto'):
    return predict_sample(network, ListedSamples([sample]), sample, head=head, flip=True)


def test_every_image_is_scored_and_the_mean_is_over_images():
    samples = [flat_sample('a', 2.0), flat_sample('b', 4.0)]
    report = evaluate(ConstantNetwork(_two_metres), ListedSamples(samples))
    assert [image.name for image in report.images] == ['a', 'b']
    errors = [image.metrics.abs_rel for image in report.images]
    assert errors == pytest.approx([0.0, 0.5], abs=1e-6)
    assert report.metrics.abs_rel == pytest.approx(0.25)
    assert report.card.weights == 'none'


def test_the_prediction_is_averaged_with_that_of_the_mirrored_image_mirrored_back():
    def from_red(image, head):  # red grows from 0 to 1 to the right: depth in metres
        return image[..., 0] ** 3 + np.linspace(1, 2, image.shape[1])

    sample = flat_sample('a', 1.0)
    image = sample.rgb.astype(np.float32) / 255
    network = ConstantNetwork(from_red)
    depth_m = predicted(network, sample).depth_m
    # the red part is mirrored back onto itself; the ramp 1..2 meets 2..1: 1.5 everywhere
    np.testing.assert_allclose(depth_m, image[..., 0] ** 3 + 1.5, rtol=1e-6)
    np.testing.assert_array_equal(network.images[1], image[:, ::-1])


def test_depth_and_uncertainty_of_an_onnx_file_are_averaged_with_those_of_the_mirrored_image(
    tmp_path,
):
    pytest.importorskip('onnxruntime')
    from foreign_network import contract, write_network

    from zoedepth_ros.build import open_predictor

    ramp = np.linspace(0.0, 1.0, 32).reshape(1, 1, 1, 32)  # over the columns of the input
    outputs = {'depth': ((2.0, 0.0, 0.0), 1.0 + 4.0 * ramp), 'std': ((0.0, 0.5, 0.0), 0.6 * ramp)}
    made = contract(spread={'output': 'std'})
    network = open_predictor('', write_network(tmp_path / 'net.onnx', made, outputs))
    red, green = np.random.default_rng(0).integers(0, 256, (2, 24, 32))
    rgb, depth_m = np.dstack([red, green, 0 * red]).astype(np.uint8), np.ones((24, 32), np.float32)
    sample = replace(flat_sample('a', 1.0), rgb=rgb, depth_m=depth_m)
    found = predicted(network, sample)
    # what the network adds by column meets its mirror image: half of the largest everywhere
    np.testing.assert_allclose(found.depth_m, 2.0 * red / 255 + 3.0, rtol=1e-5)
    np.testing.assert_allclose(found.uncertainty_m, 0.5 * green / 255 + 0.3, rtol=1e-5)


def test_without_flip_the_network_runs_once():
    network = ConstantNetwork(_two_metres)
    evaluate(network, ListedSamples([flat_sample('a', 2.0)]), flip=False)
    assert len(network.images) == 1


def test_each_of_the_two_passes_asks_the_router_by_itself():
    def by_head(image, head):
        return np.full((2, 3), 2.0 if head == 'indoor' else 6.0)

    sample = flat_sample('a', 1.0)
    sample.rgb[:] = 0
    sample.rgb[:, 0, 2] = 255  # the left column decides: outdoor as it is, indoor when mirrored
    result = predicted(ConstantNetwork(by_head), sample)
    depth_m = result.depth_m
    assert (depth_m == 4.0).all()
    assert result.head == 'outdoor'
    forced = predicted(ConstantNetwork(by_head), sample, head='indoor').depth_m
    assert (forced == 2.0).all()


def test_the_routers_accuracy_is_over_images_and_absent_without_a_router():
    samples = [
        flat_sample('a', 2.0),
        flat_sample('b', 2.0, domain='outdoor', blue=255),
        flat_sample('c', 2.0, domain='outdoor'),
        flat_sample('d', 2.0),
    ]
    data = ListedSamples(samples)
    assert evaluate(ConstantNetwork(_two_metres), data).router_accuracy == 0.75
    without = ConstantNetwork(_two_metres, router=False)
    assert evaluate(without, data).router_accuracy is None


def test_an_image_without_a_pixel_that_counts_is_listed_and_left_out():
    samples = [flat_sample('unknown', np.nan), flat_sample('far', 12.0), flat_sample('a', 2.0)]
    report = evaluate(ConstantNetwork(_two_metres), ListedSamples(samples))
    assert report.without_ground_truth == ('unknown', 'far')
    assert report.metrics.abs_rel == pytest.approx(0.0, abs=1e-6)


def test_nothing_to_score_is_an_error_that_names_what_was_skipped():
    skipped = [DatasetError('listed', 'a.png', 'damaged', 'an image')]
    with pytest.raises(
        ValueError, match=r'no image has a pixel with ground truth.*a\.png: damaged'
    ):
        evaluate(ConstantNetwork(_two_metres), ListedSamples([], skipped))


def test_skipped_files_are_in_the_report():
    skipped = [DatasetError('listed', 'a.png', 'damaged', 'an image')]
    data = ListedSamples([flat_sample('b', 2.0)], skipped)
    report = evaluate(ConstantNetwork(_two_metres), data)
    assert report.skipped == ('listed: a.png: damaged; expected an image',)


def test_a_limit_takes_the_first_images_and_the_watcher_sees_each():
    totals = []

    def watch(samples, total):
        totals.append(total)
        return samples

    data = ListedSamples([flat_sample(name, 2.0) for name in 'abc'])
    report = evaluate(ConstantNetwork(_two_metres), data, limit=2, watch=watch)
    assert ([image.name for image in report.images], totals) == (['a', 'b'], [2])


def test_the_network_sees_the_image_at_the_size_of_the_data_sets_protocol(tmp_path):
    h5py = pytest.importorskip('h5py')
    from dataset_files import gray, write_image

    folder = tmp_path / 'ai_001/images'
    write_image(folder / 'scene_cam_00_final_preview/frame.0000.tonemap.jpg', gray(768, 1024))
    (folder / 'scene_cam_00_geometry_hdf5').mkdir()
    with h5py.File(
        folder / 'scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5', 'w'
    ) as file:
        file['dataset'] = np.full((768, 1024), 2.0, np.float32)
    network = ConstantNetwork(_two_metres)
    evaluate(network, HyperSim(tmp_path))
    assert network.images[0].shape == (480, 640, 3)
    assert network.images[0].dtype == np.float32


def test_depth_is_brought_to_the_camera_of_each_image_where_the_weights_name_theirs():
    # learnt through 90 degrees at 4:3, f / H = 2 / 3; the 6 x 4 images have f / H = 2 and 1
    samples = [flat_sample('a', 6.0, focal_px=8.0), flat_sample('b', 2.0, focal_px=4.0)]
    network = ConstantNetwork(_two_metres, training_hfov_rad=math.pi / 2)
    report = evaluate(network, ListedSamples(samples))
    errors = [image.metrics.abs_rel for image in report.images]
    assert errors == pytest.approx([0.0, 0.5], abs=1e-6)
    plain = [image.metrics.abs_rel for image in report.without_camera]
    assert plain == pytest.approx([2.0 / 3.0, 0.0], abs=1e-6)
    assert report.metrics_without_camera.abs_rel == pytest.approx(1.0 / 3.0)
    reported = report.as_dict()
    assert (reported['focal_correction'], reported['training_hfov_deg']) == ('scale', 90.0)


@pytest.mark.parametrize(
    ('hfov_rad', 'focal_px', 'requested'),
    [(0.0, 9.0, 'auto'), (math.pi / 2, 0.0, 'auto'), (math.pi / 2, 9.0, 'off')],
)
def test_without_both_cameras_or_when_switched_off_depth_stays_as_it_is(
    hfov_rad, focal_px, requested
):
    data = ListedSamples([flat_sample('a', 2.0, focal_px=focal_px)])
    network = ConstantNetwork(_two_metres, training_hfov_rad=hfov_rad)
    report = evaluate(network, data, focal_correction=requested)
    assert report.metrics.abs_rel == pytest.approx(0.0, abs=1e-6)
    assert report.as_dict()['focal_correction'] == 'off'
    assert report.without_camera == ()


def test_an_evaluation_does_not_warp():
    data = ListedSamples([flat_sample('a', 2.0)])
    with pytest.raises(ValueError, match="'auto' or 'off', got 'warp'"):
        evaluate(ConstantNetwork(_two_metres), data, focal_correction='warp')
