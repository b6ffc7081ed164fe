"""A network of others gives the metres that its contract promises, by arithmetic beside."""

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import onnx
import yaml
from fake_openvino import need_openvino
from foreign_network import contract, image, write_network
from onnx import TensorProto, helper

from zoedepth_ros.build import open_predictor
from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.inference.contract import ContractError, parse_contract
from zoedepth_ros.inference.result import NotFinite
from zoedepth_ros.inference.runtimes.exported import open_exported, open_foreign
from zoedepth_ros.inference.runtimes.foreign import ForeignPredictor
from zoedepth_ros.pipeline.outputs import DEPTH, UNCERTAINTY, DepthImage, Uncertainty
from zoedepth_ros.pipeline.sequence import SequencePredictor
from zoedepth_ros.pipeline.settings import PipelineSettings

RED, GREEN, BLUE = 200 / 255, 100 / 255, 50 / 255  # of `image`
PLAIN = 1.0 * RED + 2.0 * GREEN + 4.0 * BLUE + 1.0
FX, FY = 50.0, 52.0
CAMERA = CameraModel(Intrinsics(FX, FY, 31.5, 23.5, 64, 48))
V, U = np.mgrid[:48, :64]
COSINE = 1.0 / np.sqrt(1.0 + ((U - 31.5) / FX) ** 2 + ((V - 23.5) / FY) ** 2)


def canonical(focal_px, pixels, axis):
    rule = {'canonical': focal_px, 'pixels': pixels, 'axis': axis}
    return {'depth__kind': 'canonical', 'depth__focal': rule}


FOLLOWS = {'input__height': None, 'input__width': None, 'input__multiple': 14}
CONVENTIONS = {
    'metric': ({}, PLAIN),
    'ray': ({'depth__along': 'ray'}, PLAIN * COSINE),
    'canonical of the image': (canonical(300, 'image', 'mean'), PLAIN * 51.0 / 300),
    'canonical of the input': (  # which has half the rows and columns
        canonical(300, 'network', 'mean'),
        PLAIN * 25.5 / 300,
    ),
    'canonical, f / 1000, horizontal': (
        {**canonical(1000, 'image', 'x'), 'head__range': [0.001, 10]},
        PLAIN * FX / 1000,
    ),
    'canonical, vertical, stretched': (
        {**canonical(300, 'network', 'y'), 'input__height': 12},
        PLAIN * FY * (12 / 48) / 300,
    ),
    'canonical, padded': (  # 64 x 48 fills the columns of 64 x 96 in the middle
        {
            **canonical(300, 'network', 'y'),
            'input__height': 96,
            'input__width': 32,
            'input__resize': 'pad',
        },
        PLAIN * FY * 0.5 / 300,
    ),
    'canonical along the ray': (
        {**canonical(100, 'image', 'mean'), 'depth__along': 'ray'},
        PLAIN * 51.0 / 100 * COSINE,
    ),
    'BGR': ({'input__color': 'BGR'}, 1.0 * BLUE + 2.0 * GREEN + 4.0 * RED + 1.0),
    'NHWC': ({'input__layout': 'NHWC'}, PLAIN),
    'NHWC, BGR': (
        {'input__layout': 'NHWC', 'input__color': 'BGR'},
        1.0 * BLUE + 2.0 * GREEN + 4.0 * RED + 1.0,
    ),
    'mean and std': (
        {'input__mean': [0.1, 0.2, 0.3], 'input__std': [0.5, 0.25, 0.125]},
        (RED - 0.1) / 0.5 + 2.0 * (GREEN - 0.2) / 0.25 + 4.0 * (BLUE - 0.3) / 0.125 + 1.0,
    ),
    'mean and std of BGR': (
        {'input__color': 'BGR', 'input__mean': [0.1, 0.2, 0.3], 'input__std': [1, 1, 2]},
        (BLUE - 0.1) + 2.0 * (GREEN - 0.2) + 4.0 * (RED - 0.3) / 2.0 + 1.0,
    ),
    'bytes': ({'input__range': [0, 255], 'input__std': [100, 100, 100]}, 6.0 + 1.0),
    'minus one to one': (
        {'input__range': [-1, 1], 'head__range': [0.001, 80]},
        (2 * RED - 1) + 2.0 * (2 * GREEN - 1) + 4.0 * (2 * BLUE - 1) + 1.0,
    ),
    'a size that follows the image': (FOLLOWS, PLAIN),
    'a longest side': (  # 42 x 28: factors 42/64 and 28/48
        {**FOLLOWS, 'input__longest': 42, **canonical(300, 'network', 'mean')},
        PLAIN * 0.5 * (FX * 42 / 64 + FY * 28 / 48) / 300,
    ),
}
LIFTED = {'mean and std', 'minus one to one'}
"""Networks that get 10 m more, so that depth is positive everywhere."""


def depth_of(path, camera=CAMERA, rgb=None, names=(DEPTH,), **settings):
    """Return the outputs of one image through the pipeline of the node."""
    predictor = open_predictor('', path)
    alone = SequencePredictor(predictor, PipelineSettings(depth_min_m=0.0, **settings))
    return alone(image() if rgb is None else rgb, camera, 0.0, names)


@pytest.mark.parametrize('name', CONVENTIONS)
def test_each_convention_gives_the_metres_of_plain_arithmetic(tmp_path, name):
    changes, expected_m = CONVENTIONS[name]
    more_m = 10.0 if name in LIFTED else 0.0
    expected_m = expected_m + more_m
    outputs = {'depth': ((1.0, 2.0, 4.0), 1.0 + more_m)}
    path = write_network(tmp_path / 'net.onnx', contract(**changes), outputs)
    found = depth_of(path)
    np.testing.assert_allclose(found.depth_m, np.broadcast_to(expected_m, (48, 64)), rtol=2e-5)
    assert found.head == 'any'


def test_a_contract_beside_the_file_counts_as_one_inside(tmp_path):
    changes, expected_m = CONVENTIONS['ray']
    path = write_network(tmp_path / 'net.onnx', contract(**changes), beside=True)
    np.testing.assert_allclose(depth_of(path).depth_m, expected_m, rtol=2e-5)


def test_the_image_of_a_padded_input_is_where_it_was(tmp_path):
    made = contract(input__height=96, input__width=32, input__resize='pad')
    path = write_network(tmp_path / 'net.onnx', made)
    rgb = image()
    rgb[:24] = 0  # the upper half
    found = depth_of(path, rgb=rgb)
    np.testing.assert_allclose(found.depth_m[:20], 1.0, rtol=1e-5)
    np.testing.assert_allclose(found.depth_m[28:], PLAIN, rtol=1e-5)


class Outputs:
    """A file whose outputs are these arrays, whatever the image."""

    metadata, device, precision = {}, 'cpu', 'fp32'

    def __init__(self, size=(24, 32), **arrays):
        self.inputs, self.outputs, self._arrays = {'image': (1, 3, *size)}, tuple(arrays), arrays

    def run(self, image):
        return self._arrays


def foreign(session, **changes):
    return ForeignPredictor(session, parse_contract(contract(**changes)), 'some.onnx')


@pytest.mark.parametrize(
    ('left', 'changes'),
    [(0.0, {}), (-3.0, {}), (500.0, {'confidence': {'output': 'mask', 'above': 0.5}})],
)
def test_depth_beside_unknown_pixels_of_a_smaller_output_is_not_mixed_with_them(left, changes):
    depth = np.full((1, 12, 16), 5.0, np.float32)
    depth[..., :8] = left  # columns 0 to 31 of the image
    outputs = Outputs(depth=depth, mask=(depth == 5.0).astype(np.float32))
    found_m = foreign(outputs, **changes)(image()).depth_m
    assert np.isnan(found_m[:, :32]).all()
    assert (found_m[np.isfinite(found_m)] == 5.0).all()
    assert np.isfinite(found_m[:, 34:]).all()  # from the centre of the first known pixel on


def test_an_image_that_ends_within_the_pixels_of_a_smaller_output_is_where_it_was():
    """The image of 64 px covers columns 4 to 35 of 40, which are pixels 0.5 to 4.5 of the output.

    The output is the position of the middle of its pixels, in pixels of the input.
    """
    depth = np.broadcast_to(8.0 * np.arange(5, dtype=np.float32) + 4.0, (1, 1, 3, 5))
    changes = {'input__height': 24, 'input__width': 40, 'input__resize': 'pad'}
    found_m = foreign(Outputs((24, 40), depth=depth), **changes)(image()).depth_m
    np.testing.assert_allclose(found_m[20, 1:-1], 4.0 + (U[20, 1:-1] + 0.5) / 2, rtol=1e-5)


def test_half_a_row_of_a_padded_image_is_rounded_up():
    changes = {'input__height': 40, 'input__width': 30, 'input__resize': 'pad'}  # 22.5 rows
    given = foreign(Outputs((40, 30), depth=None), **changes).to_network(image())
    assert given.any((0, 1, 3)).sum() == 23


def test_a_mask_may_be_of_whole_numbers_or_bool_and_depth_only_of_floating_point(tmp_path):
    depth = np.full((24, 32), 5.0, np.float32)
    for kind in (bool, np.uint8, np.int64):
        mask = np.zeros((24, 32), kind)
        mask[:, 16:] = 1
        known = foreign(
            Outputs(depth=depth, mask=mask), confidence={'output': 'mask', 'above': 0.5}
        )
        found = np.isfinite(known(image()).depth_m[0])
        np.testing.assert_array_equal(
            np.delete(found, (32, 33)), np.repeat([False, True], (32, 30))
        )
    path = write_network(tmp_path / 'net.onnx', contract(), output_kind=TensorProto.INT32)
    message = r'net\.onnx .*output depth is of type int32: expected float32 or float16'
    with pytest.raises(ContractError, match=message):
        open_predictor('', path)


def test_an_input_of_another_type_is_refused_with_the_name_of_the_file(tmp_path):
    path = write_network(tmp_path / 'net.onnx', contract(), kind=TensorProto.DOUBLE)
    for backend in ('onnxruntime', 'openvino'):
        if backend == 'openvino':
            need_openvino()
        with pytest.raises(ValueError, match=r'net\.onnx: the input must be float32, float16 or'):
            open_exported(str(path), backend)


def test_a_network_in_half_precision_or_of_bytes_is_fed_in_its_type(tmp_path):
    half = write_network(
        tmp_path / 'half.onnx',
        contract(),
        kind=TensorProto.FLOAT16,
        output_kind=TensorProto.FLOAT16,
    )
    np.testing.assert_allclose(depth_of(half).depth_m, PLAIN, rtol=2e-3)
    made = contract(input__range=[0, 255])
    outputs = {'depth': ((0.01, 0.02, 0.04), 1.0)}
    whole = write_network(tmp_path / 'bytes.onnx', made, outputs, kind=TensorProto.UINT8)
    np.testing.assert_allclose(depth_of(whole).depth_m, 2.0 + 2.0 + 2.0 + 1.0, rtol=1e-5)


def test_openvino_gives_the_same_metres(tmp_path):
    need_openvino()
    path = write_network(tmp_path / 'net.onnx', contract(depth__along='ray'))
    predictor = open_exported(str(path), 'openvino', precision='fp32')
    found = SequencePredictor(predictor, PipelineSettings())(image(), CAMERA, 0.0, [DEPTH])
    np.testing.assert_allclose(found.depth_m, PLAIN * COSINE, rtol=1e-4)


def test_sky_is_beyond_everything_and_low_confidence_is_unknown(tmp_path):
    made = contract(
        sky={'output': 'sky', 'above': 0.5}, confidence={'output': 'trust', 'above': 0.5}
    )
    outputs = {
        'depth': ((0.0, 0.0, 0.0), 7.0),
        'sky': ((0.0, 0.0, 1.0), 0.0),
        'trust': ((0.0, -1.0, 0.0), 1.0),
    }
    path = write_network(tmp_path / 'net.onnx', made, outputs)
    rgb = image((0, 0, 0))
    rgb[:16, :, 2] = 255  # blue: sky
    rgb[32:, :, 1] = 255  # green: not to be trusted
    found = depth_of(path, rgb=rgb)
    assert np.isposinf(found.depth_m[:14]).all()
    np.testing.assert_allclose(found.depth_m[18:30], 7.0)
    assert np.isnan(found.depth_m[34:]).all()
    unfiltered = depth_of(path, rgb=rgb, filter_sky=False)
    np.testing.assert_allclose(unfiltered.depth_m[:30], 7.0)
    without_camera = depth_of(path, camera=None, rgb=rgb)
    np.testing.assert_array_equal(without_camera.depth_m, found.depth_m)


def test_the_spread_follows_focal_rule_and_ray_as_the_depth_does(tmp_path):
    changes = {
        **canonical(100, 'image', 'mean'),
        'depth__along': 'ray',
        'spread': {'output': 'std'},
    }
    outputs = {'depth': ((0.0, 0.0, 0.0), 8.0), 'std': ((1.0, 0.0, 0.0), 0.0)}
    path = write_network(tmp_path / 'net.onnx', contract(**changes), outputs)
    found = depth_of(path, names=(DEPTH, UNCERTAINTY))
    np.testing.assert_allclose(found.uncertainty_m, RED * 0.51 * COSINE, rtol=1e-5)
    limited = depth_of(path, filter_max_uncertainty_m=0.36)
    near = RED * 0.51 * COSINE <= 0.36
    assert near.any()
    assert not near.all()
    np.testing.assert_array_equal(np.isfinite(limited.depth_m), near)


def test_without_a_spread_the_uncertainty_is_unknown_and_cannot_filter(tmp_path):
    path = write_network(tmp_path / 'net.onnx', contract())
    found = depth_of(path, names=(DEPTH, UNCERTAINTY))
    assert np.isnan(found.uncertainty_m).all()
    with pytest.raises(ValueError, match='filter.max_uncertainty must be 0.0, because the'):
        depth_of(path, filter_max_uncertainty_m=0.3)


def test_depth_that_needs_the_camera_is_not_guessed_without_one(tmp_path):
    for changes in (CONVENTIONS['ray'][0], CONVENTIONS['canonical of the image'][0]):
        path = write_network(tmp_path / 'net.onnx', contract(**changes))
        with pytest.raises(ValueError, match='the depth of this network needs the camera'):
            depth_of(path, camera=None)


@pytest.mark.parametrize(
    ('changes', 'settings', 'message'),
    [
        (
            'canonical of the image',
            {'focal_correction': 'scale'},
            'already corrected for the focal length',
        ),
        (
            'canonical of the image',
            {'camera_training_hfov_rad': 1.0},
            'already corrected for the focal length',
        ),
        ('ray', {'focal_correction': 'warp', 'camera_training_hfov_rad': 1.0}, 'along the ray'),
        ('metric', {'focal_correction': 'scale'}, 'training camera of this network is unknown'),
    ],
)
def test_the_focal_length_is_not_applied_twice_nor_by_another_network_s_camera(
    tmp_path, changes, settings, message
):
    path = write_network(tmp_path / 'net.onnx', contract(**CONVENTIONS[changes][0]))
    with pytest.raises(ValueError, match=message):
        depth_of(path, **settings)


def test_a_training_camera_corrects_metric_depth_as_that_of_our_networks(tmp_path):
    made = contract(depth__training_hfov_deg=60.0)
    path = write_network(tmp_path / 'net.onnx', made)
    fy_px = 48 * (0.5 / np.tan(np.radians(30.0))) * 640 / 480 * 1.2  # 1.2 of the training camera's
    camera = CameraModel(Intrinsics(fy_px, fy_px, 31.5, 23.5, 64, 48))
    np.testing.assert_allclose(depth_of(path, camera=camera).depth_m, 1.2 * PLAIN, rtol=1e-5)


def test_a_network_of_others_has_one_head_and_its_own_range(tmp_path):
    made = contract(head__domain='garden', head__range=[0.5, 6.0])
    predictor = open_predictor('', write_network(tmp_path / 'net.onnx', made))
    assert predictor.heads == ('garden',)
    assert (predictor.model_name, predictor.training_hfov_rad) == ('toy', 0.0)
    assert 'licence MIT' in predictor.weights_origin
    found = predictor(image())
    assert (found.head, found.router_probabilities, found.range_m) == ('garden', {}, 6.0)
    with pytest.raises(ValueError, match="unknown head 'indoor'"):
        predictor(image(), 'indoor')
    settings = PipelineSettings(depth_scale=2.0)
    alone = SequencePredictor(predictor, settings)
    assert alone(image(), CAMERA, 0.0).range_m == 12.0


def test_a_contract_inside_and_an_equal_one_beside_agree_and_others_are_refused(tmp_path):
    path = write_network(tmp_path / 'net.onnx', contract())
    beside = tmp_path / 'net.onnx.yaml'
    beside.write_text('# the same in other words\n' + yaml.safe_dump(contract(), sort_keys=True))
    np.testing.assert_allclose(depth_of(path).depth_m, PLAIN, rtol=1e-5)
    beside.write_text(yaml.safe_dump(contract(depth__along='ray')))
    with pytest.raises(ContractError, match=r'metadata .* and .*net\.onnx\.yaml differ'):
        depth_of(path)


WRONG = {
    'kind': ({'depth__kind': 'disparity'}, 'depth.kind disparity: .*no metric depth'),
    'relative': ({'depth__kind': 'relative'}, 'depth.kind relative: .*no metric depth'),
    'no version': ({'depth_contract': None}, 'expected the line "depth_contract: 1"'),
    'another version': ({'depth_contract': 2}, 'depth_contract must be 1, .* got 2'),
    'a version in quotes': ({'depth_contract': '1'}, "depth_contract must be 1, .* got '1'"),
    'yes for a version': ({'depth_contract': True}, 'depth_contract must be 1, .* got True'),
    'no focal rule': ({'depth__kind': 'canonical'}, 'depth.focal is missing'),
    'idle focal rule': (
        {'depth__focal': {'canonical': 300}},
        'unknown or have no effect: depth.focal',
    ),
    'misspelt': ({'input__colour': 'RGB'}, 'unknown or have no effect: input.colour'),
    'no licence': ({'license': None}, 'license is missing'),
    'no colours': ({'input__color': None}, 'input.color is missing'),
    'channels': ({'input__mean': [0.5]}, 'input.mean must be 3 numbers'),
    'std': ({'input__std': [0, 1, 1]}, 'input.std must be 3 numbers from 1e-06'),
    'size': ({'input__width': None}, 'both height and width, or neither'),
    'no size': (
        {'input__width': None, 'input__height': None},
        'input has no size: expected height',
    ),
    'multiple': ({'input__multiple': 14}, 'input.height must be a multiple of 14, got 24'),
    'range': ({'head__range': [5, 5]}, r'head.range must be \[near, far\]'),
    'domain': ({'head__domain': 'Any place'}, 'head.domain must consist of lower-case letters'),
    'sky': ({'sky': {'output': 'sky'}}, 'sky needs either sky.above or sky.below'),
    'huge': ({'head__range': [0, 10**400]}, 'head.range must be 2 numbers from 0 to 10000, got'),
    'infinite': ({'head__range': [0, float('inf')]}, 'head.range must be 2 numbers'),
    'no number': ({'head__range': [float('nan'), 5]}, 'head.range must be 2 numbers'),
    'long': ({'x' * 5000: 1}, '^.{,1500}$'),
    'yes for no': ({'depth__along': True}, 'depth.along must be one of z, ray, got True'),
}


@pytest.mark.parametrize('name', WRONG)
def test_a_wrong_contract_is_refused_with_the_key_and_the_reason(tmp_path, name):
    changes, message = WRONG[name]
    path = write_network(tmp_path / 'net.onnx', contract(**changes), size=(24, 32))
    with pytest.raises(ContractError, match=message):
        open_predictor('', path)


LIES = {
    'another output': (
        {'depth__output': 'disp'},
        'has no output disp; the outputs of the file are depth',
    ),
    'another input': ({'input__name': 'pixels'}, 'has the input image, expected pixels'),
    'layout': (
        {'input__layout': 'NHWC'},
        r'1 x 3 x 24 x 32, but the contract of the file says 1 x 24 x 32 x',
    ),
    'size': (
        {'input__height': 48},
        r'1 x 3 x 24 x 32, but the contract of the file says 1 x 3 x 48 x 32',
    ),
    'fixed': (
        {'input__height': None, 'input__width': None, 'input__multiple': 8},
        r'1 x 3 x 24 x 32, but the contract of the file says 1 x 3 x any x any',
    ),
    'no sky': ({'sky': {'output': 'sky', 'above': 0.5}}, 'has no output sky'),
    'unit': (
        {'head__range': [300, 10000]},
        'median depth of the rendered check image is .* outside',
    ),
    'all sky': (
        {'sky': {'output': 'depth', 'above': 0.0}},
        'no pixel of the rendered check image',
    ),
}


@pytest.mark.parametrize('name', LIES)
def test_a_contract_that_the_file_contradicts_is_refused_at_the_start(tmp_path, name):
    changes, message = LIES[name]
    path = write_network(tmp_path / 'net.onnx', contract(**changes), size=(24, 32))
    if name == 'layout':  # a file of the other layout
        write_network(path, contract())
        model = onnx.load(str(path))
        model.metadata_props[0].value = yaml.safe_dump(contract(**changes))
        onnx.save(model, str(path))
    with pytest.raises(ContractError, match=message):
        open_predictor('', path)


@pytest.mark.parametrize(
    ('constant', 'error', 'message'),
    [
        (float('inf'), NotFinite, 'output depth has values that are not finite'),
        (-20.0, ContractError, 'no pixel of the rendered check image has a valid depth'),
    ],
)
def test_depth_that_is_none_is_found_at_the_start(tmp_path, constant, error, message):
    outputs = {'depth': ((1.0, 2.0, 4.0), constant)}
    path = write_network(tmp_path / 'net.onnx', contract(), outputs)
    with pytest.raises(error, match=message):
        open_predictor('', path)


def test_a_file_without_a_contract_and_one_with_more_inputs_are_explained(tmp_path):
    path = write_network(tmp_path / 'net.onnx')
    expected = r"expected the metadata 'depth_contract' in the file, or a file .*/net\.onnx\.yaml"
    (tmp_path / 'net.yaml').write_text(yaml.safe_dump(contract()))
    for open_it in (lambda: open_predictor('', path), lambda: open_foreign(path, 'onnxruntime')):
        unread = r'\(net\.yaml exists, but a file of this name is not read\)'
        with pytest.raises(ValueError, match=f'{expected} {unread}'):
            open_it()
    (tmp_path / 'net.onnx.yaml').write_text('# nothing\n')
    with pytest.raises(ContractError, match='the contract must be a mapping, got None'):
        open_predictor('', path)
    path = write_network(tmp_path / 'two.onnx', contract(), more_inputs=('num_tokens',))
    with pytest.raises(
        ContractError, match='inputs image, num_tokens: expected a single input, the image'
    ):
        open_predictor('', path)


@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_a_file_without_an_input_is_refused(tmp_path, backend):
    pytest.importorskip(backend)
    value = helper.make_tensor('value', TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node('Constant', [], ['depth'], value=value)
    output = helper.make_tensor_value_info('depth', TensorProto.FLOAT, [1])
    graph = helper.make_graph([node], 'constant', [], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8)
    onnx.save(model, str(tmp_path / 'net.onnx'))
    with pytest.raises(ValueError, match=r'net\.onnx has no input: expected one, the image'):
        open_exported(str(tmp_path / 'net.onnx'), backend)


def test_other_options_of_a_predictor_are_refused_and_those_of_a_file_are_not(tmp_path):
    path = write_network(tmp_path / 'net.onnx', contract())
    assert open_predictor('', path, precision='fp32', preprocessing='metric').precision == 'fp32'
    for option in ({'preprocessing': 'official'}, {'flip_augmentation': True}):
        with pytest.raises(ValueError, match="allows only preprocessing 'metric' and no flip"):
            open_predictor('', path, **option)


def test_the_same_numbers_come_from_the_outputs_of_a_pipeline(tmp_path):
    """Through CameraPipeline itself, with a cloud, as the node does it."""
    from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
    from zoedepth_ros.pipeline.outputs import POINTS, Cloud
    from zoedepth_ros.pipeline.request import predict

    path = write_network(tmp_path / 'net.onnx', contract(**CONVENTIONS['ray'][0]))
    predictor = open_predictor('', path)
    settings = PipelineSettings(cloud_decimation=1, filter_edge=False)
    pipeline = CameraPipeline(predictor, settings)
    request = pipeline.prepare(image(), Camera(CAMERA), 0.0, [DEPTH, UNCERTAINTY, POINTS])
    found = {type(out): out for out in pipeline.process(request, predict(predictor, request))}
    assert set(found) == {DepthImage, Uncertainty, Cloud}
    distance_m = np.linalg.norm(found[Cloud].points[..., :3], axis=-1)
    np.testing.assert_allclose(distance_m, PLAIN, rtol=1e-5)
