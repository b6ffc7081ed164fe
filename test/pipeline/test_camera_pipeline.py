"""CameraPipeline called directly: the node's numbers, resumed sequences, lent memory."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fake_predictor import FakePredictor, outputs_of

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.parameter import table_of
from zoedepth_ros.pipeline.parameter_file import settings_from_file
from zoedepth_ros.pipeline.request import FrameContext, all_due, measured_to_m, predict
from zoedepth_ros.pipeline.settings import PipelineSettings, settings_from

SIZE = HEIGHT, WIDTH = 48, 64
INTRINSICS = Intrinsics(50.0, 52.0, 31.5, 23.5, WIDTH, HEIGHT)
MEMORY = {
    'filter.temporal': True,
    'filter.flicker': True,
    'router.handover': 1.0,
    'router.rate': 4.0,
    'cloud.rate': 6.0,
    'scale.source': 'height',
    'camera.height': 0.9,
    'scan.enabled': True,
    'cloud.decimation': 2,
}
ALL = frozenset({outputs.DEPTH, outputs.POINTS, outputs.SCAN, outputs.DOMAIN, outputs.GROUND})


def image(number):
    rgb = np.full((*SIZE, 3), 90, np.uint8)
    rgb[..., 0] = 10 * number  # the head switches at 6
    return rgb


def depth(rgb, head):
    """Give a floor, a wall and a box that jumps to and fro, 3 % off in every other image."""
    height, width = rgb.shape[:2]  # another size where the image is warped
    number = int(rgb[height // 2, width // 2, 0]) // 10
    rows = np.arange(height)[:, None] - (height - 1) / 2
    floor_m = np.where(rows > 0, height / np.maximum(rows, 1e-3), np.inf)
    depth_m = np.minimum(floor_m, 8.0) * np.ones((1, width))
    depth_m[height // 3 : 2 * height // 3, 20 + number % 5 : 30] = 3.0
    return depth_m * (1.0 + 0.03 * (number % 2)) * (1.3 if head == 'outdoor' else 1.0)


def router(rgb):
    outdoor = 0.9 if rgb[rgb.shape[0] // 2, 32, 0] >= 60 else 0.1
    return {'indoor': 1.0 - outdoor, 'outdoor': outdoor}


def arrays(output):
    """Give the numbers of an output, copied."""
    names = ('pixels', 'points', 'points_m', 'ranges_m', 'head', 'reason')
    return [output.name, *(np.copy(getattr(output, n)) for n in names if hasattr(output, n))]


def run(pipeline, predictor, camera, numbers):
    found = []
    for number in numbers:
        now_s = 100.0 + 0.1 * number
        request = pipeline.prepare(image(number), camera, now_s, pipeline.due(now_s, ALL))
        made = pipeline.process(request, predict(predictor, request)) if request else ()
        found.append([arrays(output) for output in made])
    return found


def same(ones, others):
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert [output[0] for output in one] == [output[0] for output in other]
        for (_, *a), (_, *b) in zip(one, other, strict=True):
            for x, y in zip(a, b, strict=True):
                np.testing.assert_array_equal(x, y)


def fresh(**values):
    predictor = FakePredictor(depth, router=router)
    pipeline = CameraPipeline(predictor, settings_from({**MEMORY, **values}))
    return pipeline, predictor, Camera(CameraModel(INTRINSICS))


@pytest.mark.parametrize('stop', [1, 5, 8])
@pytest.mark.parametrize('correction', ['off', 'scale', 'warp'])
def test_a_sequence_that_is_resumed_from_its_state_gives_the_same_numbers(stop, correction):
    values = {'focal_correction': correction}
    whole = run(*fresh(**values), range(12))
    heads = {str(output[1]) for made in whole for output in made if output[0] == 'domain'}
    assert heads == {'indoor', 'outdoor'}
    first, second = fresh(**values), fresh(**values)
    before = run(*first, range(stop))
    second[0].restore(json.loads(json.dumps(first[0].snapshot())))
    same([*before, *run(*second, range(stop, 12))], whole)


def test_a_state_matters():
    """Or the test above would prove nothing."""
    whole = run(*fresh(), range(12))
    with pytest.raises(AssertionError):
        same(run(*fresh(), range(5, 12)), whole[5:])


def test_outputs_are_written_into_the_memory_that_is_lent():
    class Lent:
        def __init__(self):
            self.arrays = {}

        def array(self, name, shape, dtype=np.float32):
            return self.arrays.setdefault(name, np.empty(shape, dtype))

    lent, predictor = Lent(), FakePredictor(2.0, heads=('indoor',))
    pipeline = CameraPipeline(predictor, PipelineSettings(), lent)
    names = {outputs.DEPTH, outputs.UNCERTAINTY, outputs.POINTS}
    camera = Camera(CameraModel(INTRINSICS))
    made = outputs_of(pipeline, predictor, image(0), camera, 0.0, names)
    assert made[outputs.DEPTH].pixels is lent.arrays[outputs.DEPTH]
    assert made[outputs.UNCERTAINTY].pixels is lent.arrays[outputs.UNCERTAINTY]
    assert made[outputs.POINTS].points is lent.arrays[outputs.POINTS]


def test_without_a_camera_there_is_depth_and_no_points():
    predictor = FakePredictor(2.0)
    pipeline = CameraPipeline(predictor, settings_from({'focal_correction': 'off'}))
    request = pipeline.prepare(image(0), None, 0.0, ALL)
    assert request.due.depth == {outputs.DEPTH}
    assert not request.due.clouds
    named = CameraPipeline(predictor, settings_from({'focal_correction': 'scale'}))
    assert named.prepare(image(0), None, 0.0, ALL - {outputs.DOMAIN}) is None


def test_names_that_are_requested_are_due_whatever_the_rates():
    due = all_due([outputs.DEPTH, outputs.POINTS, outputs.DOMAIN])
    assert (due.depth, due.clouds) == ({outputs.DEPTH}, {outputs.POINTS})
    assert due.domain


def test_a_parameter_file_of_the_node_gives_its_settings(tmp_path):
    path = tmp_path / 'node.yaml'
    path.write_text(
        '/**:\n  ros__parameters:\n    model: ZoeD_S_NK\n    cameras: [front]\n'
        '    depth: {min: 0.5}\n    cloud.decimation: 2\n    front:\n      depth: {max: 9.0}\n'
        'zoedepth:\n  ros__parameters: {cloud: {decimation: 8}}\n'
        'other_node:\n  ros__parameters: {speed: 3}\n'
    )
    found = settings_from_file(path, ignored=('model', 'cameras'))
    assert (found.depth_min_m, found.depth_max_m, found.cloud_decimation) == (0.5, 0.0, 8)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('/**:\n  ros__parameters: {depth.minimum: 1.0}', 'depth.minimum is not a parameter'),
        ('/**:\n  ros__parameters: {depth.min: 1}', 'depth.min must be a double, got 1'),
        ('/**:\n  ros__parameters: {depth.max: 0.05}', 'more than depth.min'),
        (
            f'/**:\n  ros__parameters: {{depth.min: 1{"0" * 400}}}',
            'depth.min must be a double, got 1000',
        ),
        ('/**:\n  ros__parameters: {cameras: 3}', 'cameras must be a list of strings, got 3'),
        ('other:\n  ros__parameters: {depth.min: 1.0}', 'expected a section'),
        ('/**: 3', 'expected the key ros__parameters'),
        ('[', 'not YAML'),
    ],
)
def test_a_parameter_file_that_is_wrong_is_named_with_the_reason(tmp_path, text, words):
    path = tmp_path / 'node.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match='node.yaml') as error:
        settings_from_file(path)
    assert words in str(error.value)


def test_options_of_commands_have_the_names_units_and_checks_of_the_parameters():
    table = table_of(PipelineSettings)
    decimation, hfov, edge = (table[n] for n in ('cloud.decimation', 'camera.hfov', 'filter.edge'))
    assert (decimation.option, hfov.option) == ('--cloud-decimation', '--camera-hfov')
    assert (hfov.unit, decimation.unit) == ('rad', '')
    assert (decimation.parse('8'), edge.parse('false')) == (8, False)
    for spec, text, words in (
        (decimation, '0', 'cloud.decimation must be at least 1'),
        (decimation, 'x', 'cloud.decimation must be an integer'),
        (hfov, '70', '70 degrees are 1.2217 rad'),
        (edge, 'maybe', 'filter.edge must be a bool'),
    ):
        with pytest.raises(ValueError, match=words):
            spec.parse(text)
    assert len(table) > 40


def test_the_limit_of_the_cloud_is_not_one_of_what_is_measured():
    def limits(factor=1.0, **values):
        """Give both, of the indoor head, which was trained up to 10 m."""
        at = settings_from(values)
        context = FrameContext(
            request=SimpleNamespace(settings=at), result=None, camera=None, depth_m=None,
            seen_m=None, factor=factor, sky=None, network_width=512,
            measured_to_m=measured_to_m(at, 10.0 * factor),
        )  # fmt: skip
        return context.measured_to_m, context.shown_to_m

    near = {'depth.max': 8.0, 'cloud.max_range': 5.0}
    assert limits(**near) == (8.0, 5.0)
    assert limits(0.4, **near) == (4.0, 4.0)
    assert limits() == (10.0, 10.0)


def test_a_head_that_the_network_does_not_have_is_refused():
    with pytest.raises(ValueError, match='expected auto or a head of fake: indoor'):
        CameraPipeline(FakePredictor(heads=('indoor',)), settings_from({'router.mode': 'outdoor'}))


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (9, 1), (20, 20)])
@pytest.mark.parametrize('more', [{}, {'cloud.organized': False}, {'cloud.uncertainty': True}])
def test_images_smaller_than_the_decimation_give_depth_and_clouds_without_points(size, more):
    values = {'cloud.decimation': 64, 'camera.height': 1.0, 'filter.temporal': True, **more}
    predictor = FakePredictor(2.0)
    pipeline = CameraPipeline(predictor, settings_from(values))
    camera = Camera(CameraModel(Intrinsics.from_hfov(size[1], size[0], 1.2)))
    names = {outputs.DEPTH, outputs.POINTS, *outputs.SEGMENTS}
    for now_s in (0.0, 0.1):
        rgb = np.full((*size, 3), 90, np.uint8)
        made = outputs_of(pipeline, predictor, rgb, camera, now_s, names)
        assert made.pop(outputs.DEPTH).pixels.shape == size
        assert set(made) == names - {outputs.DEPTH}
        assert all(cloud.points.size == 0 for cloud in made.values())


@pytest.mark.parametrize('mode', ['rows', 'height'])
def test_a_scan_that_cannot_be_made_costs_no_other_output(mode):
    predictor = FakePredictor(2.0)
    values = {'scan.enabled': True, 'scan.mode': mode, 'camera.height': 2.0}
    pipeline = CameraPipeline(predictor, settings_from(values))
    camera = Camera(CameraModel(INTRINSICS))
    names = {outputs.DEPTH, outputs.COLOR, outputs.SCAN}
    found = outputs_of(pipeline, predictor, image(1), camera, 0.0, names, up=(0.0, 0.0, -1.0))
    assert list(found) == [outputs.DEPTH, '', outputs.COLOR]
    assert (found[''].reason, 'straight up or down' in found[''].message) == ('no scan', True)


@pytest.mark.parametrize(
    ('values', 'names', 'expected'),
    [
        ({}, {outputs.DEPTH, outputs.POINTS, *outputs.SEGMENTS}, True),
        ({}, {outputs.DEPTH, outputs.UNCERTAINTY}, False),
        ({'cloud.uncertainty': True}, {outputs.POINTS}, False),
        ({'filter.max_uncertainty': 1.0}, {outputs.DEPTH}, False),
    ],
)
def test_the_network_delivers_only_depth_where_no_output_needs_more(values, names, expected):
    predictor = FakePredictor(5.0)
    pipeline = CameraPipeline(predictor, settings_from(values))
    camera = Camera(CameraModel(Intrinsics.from_hfov(WIDTH, HEIGHT, 1.2)))
    request = pipeline.prepare(image(0), camera, 0.0, names)
    assert request.depth_only is expected
    assert np.isnan(predict(predictor, request).uncertainty_m).all() == expected


def test_the_sky_of_a_network_is_warped_back_with_its_depth():
    class WithSky(FakePredictor):
        def __call__(self, rgb, head='auto', *, route=True, depth_only=False):
            sky = np.zeros(rgb.shape[:2], bool)
            sky[: len(sky) // 2] = True
            return replace(super().__call__(rgb, head, route=route), sky=sky)

    predictor = WithSky(5.0, heads=('outdoor',))
    pipeline = CameraPipeline(predictor, settings_from({'focal_correction': 'warp'}))
    camera = Camera(CameraModel(Intrinsics.from_hfov(WIDTH, HEIGHT, 1.2)))
    made = outputs_of(pipeline, predictor, image(0), camera, 0.0, {outputs.DEPTH})
    column = made[outputs.DEPTH].pixels[:, WIDTH // 2]
    column = column[~np.isnan(column)]  # the view of the training camera is narrower
    sky = np.isposinf(column)
    assert (np.diff(sky.astype(int)) <= 0).all()  # above the depth
    assert sky.mean() == pytest.approx(0.5, abs=0.1)
    np.testing.assert_allclose(column[~sky], 5.0, rtol=1e-6)
