"""`zoedepth check`: honest contracts pass, and lies are found where they can be found."""

import cv2
import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from foreign_network import contract, write_network

from zoedepth_ros.cli.main import main
from zoedepth_ros.inference.check_images import check_image
from zoedepth_ros.inference.contract import parse_contract
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.runtimes.contract_check import examine
from zoedepth_ros.inference.runtimes.foreign import ForeignPredictor

ROWS, COLUMNS = 120, 160
CANONICAL = {
    'depth__kind': 'canonical',
    'depth__focal': {'canonical': 300, 'pixels': 'network', 'axis': 'mean'},
}


class Seer:
    """A file that knows the true depth of the check images, and what becomes of it."""

    metadata, device, precision = {}, 'cpu', 'fp32'
    inputs, outputs = {'image': (1, 3, ROWS, COLUMNS)}, ('depth', 'sky', 'std')

    def __init__(self, output):
        """output: from true depth along z [m] and focal length in pixels of the input."""
        self.output, self.images = output, []

    def learn(self, predictor):
        """Remember how the images and the middle of them look in the input."""
        for name in ('room', 'street'):
            at = check_image(name)
            depth_m = np.nan_to_num(at.depth_m, nan=75.0)
            middle = np.ascontiguousarray(at.rgb[120:360, 160:480])
            enlarged = cv2.resize(middle, (640, 480))
            inner_m = cv2.resize(depth_m[30:90, 40:120], (COLUMNS, ROWS))
            sky = np.isnan(at.depth_m).astype(np.float32)
            for rgb, part_m, focal_px, clouds in (
                (at.rgb, depth_m, at.focal_px / 4, sky),
                (enlarged, inner_m, at.focal_px / 2, np.zeros_like(sky)),
            ):
                self.images.append((predictor.to_network(rgb), part_m, focal_px, clouds))

    def run(self, image):
        _, depth_m, focal_px, sky = min(self.images, key=lambda known: abs(known[0] - image).sum())
        depth = self.output(depth_m, focal_px).astype(np.float32)
        return {'depth': depth, 'sky': sky, 'std': 0.1 * depth}


def examined(output, **changes):
    """Return the findings by level for a network that gives this output."""
    made = contract(input__height=ROWS, input__width=COLUMNS, **changes)
    session = Seer(output)
    predictor = ForeignPredictor(session, parse_contract(made), 'file')
    session.learn(predictor)
    found = examine(predictor).findings
    return {
        level: [finding.text for finding in found if finding.level == level]
        for level in ('ok', 'DOUBT', 'BROKEN')
    }


def ray_length(focal_px):
    v, u = np.mgrid[:ROWS, :COLUMNS]
    x, y = (u - (COLUMNS - 1) / 2) / focal_px, (v - (ROWS - 1) / 2) / focal_px
    return np.sqrt(1.0 + x**2 + y**2)


HONEST = {
    'metric': (lambda z, f: z, {}),
    'ray': (lambda z, f: z * ray_length(f), {'depth__along': 'ray'}),
    'canonical': (lambda z, f: z * 300 / f, CANONICAL),
    'of one camera': (  # of 60 degrees: 411 px for 480 rows
        lambda z, f: z * 120 / f,
        {'depth__training_hfov_deg': 60.0, 'head__range': [0.1, 200]},
    ),
    'sky and spread': (
        lambda z, f: z,
        {'sky': {'output': 'sky', 'above': 0.5}, 'spread': {'output': 'std'}},
    ),
}


@pytest.mark.parametrize('name', HONEST)
def test_a_network_that_does_what_its_contract_states_raises_no_doubt(name):
    output, changes = HONEST[name]
    found = examined(output, **changes)
    assert (found['DOUBT'], found['BROKEN']) == ([], [])
    assert len(found['ok']) > 5


LIES = {
    'disparity': (lambda z, f: 1.0 / z, {}, 'BROKEN', 'as inverse depth does'),
    'millimetres': (
        lambda z, f: 1000.0 * z, {'head__range': [1, 10000]}, 'BROKEN', 'the true median depth',
    ),
    'negative': (lambda z, f: z - 2.5, {}, 'BROKEN', 'of the depth values are not positive'),
    'range': (lambda z, f: z, {'head__range': [0.1, 2.0]}, 'BROKEN', 'outside head.range'),
    'metric, declared canonical': (
        lambda z, f: z, CANONICAL, 'DOUBT', 'does not change with the focal length',
    ),
    'canonical, declared metric': (
        lambda z, f: z * 300 / f, {'head__range': [0.1, 300]}, 'DOUBT', 'the apparent size',
    ),
    'sky the other way round': (
        lambda z, f: z, {'sky': {'output': 'sky', 'below': 0.5}}, 'BROKEN', 'are sky, expected',
    ),
    'along the ray, declared along z': (
        lambda z, f: z * ray_length(f), {}, 'DOUBT', 'with depth along the ray the error',
    ),
    'along z, declared along the ray': (
        lambda z, f: z, {'depth__along': 'ray'}, 'DOUBT', 'with depth along z the error',
    ),
    'the same everywhere': (lambda z, f: 0.0 * z + 3.0, {}, 'DOUBT', 'pixels have the same depth'),
}  # fmt: skip


@pytest.mark.parametrize('name', LIES)
def test_a_contract_that_lies_is_found(name):
    output, changes, level, text = LIES[name]
    found = examined(output, **changes)
    assert any(text in finding for finding in found[level]), found


@pytest.mark.parametrize('sides', [{}, {'input__longest': 448}, {'input__shortest': 336}])
@pytest.mark.parametrize(('multiple', 'level'), [(28, 'ok'), (14, 'BROKEN')])
def test_a_multiple_that_the_network_cannot_run_is_found(multiple, level, sides):
    """The check images, of 476 x 644 or 336 x 448 in the input, happen to suit the network."""

    class Strided(Seer):
        def run(self, image):
            rows, columns = image.shape[2:]
            if rows % 28 or columns % 28:
                raise InferenceError(f'{rows} x {columns}')
            return {'depth': np.full((1, 1, rows, columns), 3.0, np.float32)}

    made = contract(input__height=None, input__width=None, input__multiple=multiple, **sides)
    session = Strided(None)
    session.inputs = {'image': (1, 3, -1, -1)}
    findings = examine(ForeignPredictor(session, parse_contract(made), 'file')).findings
    assert [f.level for f in findings if 'an input of' in f.text] == [level]
    assert all(f.level != 'BROKEN' for f in findings) == (level == 'ok')


def test_the_command_prints_the_contract_and_draws_the_depth(tmp_path, capsys):
    path = write_network(tmp_path / 'net.onnx', contract())
    out = tmp_path / 'new' / 'depth.png'
    assert main(['check', str(path), '--out', str(out)]) == 0
    output = capsys.readouterr().out
    assert 'network  toy, licence MIT' in output
    assert 'head     any, 0.1 to 80 m' in output
    assert 'DOUBT' in output  # it sees colours only
    shown = cv2.imread(str(out))
    assert shown.shape[0] == 2 * 480  # room and street
    assert shown.shape[1] > 2 * 640
    assert main(['check', str(path), '--out', str(out), '--strict']) == 1


def test_the_command_fails_for_a_broken_contract_and_refuses_one_it_cannot_read(tmp_path, capsys):
    out = str(tmp_path / 'depth.png')
    low = write_network(tmp_path / 'low.onnx', contract(head__range=[0.01, 2.0]))
    assert main(['check', str(low), '--out', out]) == 1
    assert 'BROKEN' in capsys.readouterr().out
    missing = write_network(tmp_path / 'none.onnx')
    assert main(['check', str(missing), '--out', out]) == 2
    assert 'has no contract' in capsys.readouterr().err
    disparity = write_network(tmp_path / 'inverse.onnx', contract(depth__kind='disparity'))
    assert main(['check', str(disparity), '--out', out]) == 2
    assert 'no metric depth' in capsys.readouterr().err
    assert main(['check', str(tmp_path / 'weights.pt'), '--out', out]) == 2
