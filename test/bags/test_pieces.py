"""Long recordings whose parts are predicted by themselves."""

import os

import bags
import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.pieces import piece_path, predict_piece, spans
from zoedepth_ros.inference.result import InferenceError

IMAGES = 24


def drive(size=bags.SIZE) -> list[bags.Written]:
    messages = []
    for number in range(IMAGES):
        time_ns = 10**18 + number * 3 * 10**8
        info = bags.camera_info(time_ns, size=size)
        messages += [info, bags.image(bags.rgb_image(number, size), time_ns)]
    return messages


def switching(**options) -> FakePredictor:
    """Choose heads by the image; heads differ by 2; the image 17 fails."""

    def router(rgb):
        indoor = 0.9 if rgb[0, 0, 0] // 70 % 2 else 0.1
        return {'indoor': indoor, 'outdoor': 1.0 - indoor}

    def depth(rgb, head):
        if rgb[0, 0, 0] == 170:
            raise InferenceError('NaN')
        metres = 1.0 + rgb[0, 0, 0] / 40.0 * (2.0 if head == 'outdoor' else 1.0)
        return np.full(rgb.shape[:2], metres, np.float32)

    return FakePredictor(depth, router=router, **options)


@pytest.mark.parametrize(
    ('options', 'most_calls'),
    [
        ({'router_mode': 'outdoor'}, 0),  # no image depends on another: nothing is predicted again
        ({'domain': True, 'uncertainty': True}, 12),  # until the head is that of one run
        ({'router_mode': 'indoor', 'depth_rate_hz': 2.0, 'depth_encoding': '16UC1'}, 0),
    ],
)
def test_parts_together_are_one_run(tmp_path, options, most_calls):
    source = bags.write_mcap(tmp_path / 'in.mcap', drive())
    whole = bags.plan(source, tmp_path / 'whole.mcap', **options)
    report = add_depth(whole, switching(), request='{}')
    plan = bags.plan(source, tmp_path / 'out.mcap', **options)
    parts = spans(IMAGES, 4)
    assert [tuple(part) for part in parts] == [(1, 7), (7, 13), (13, 19), (19, 25)]
    for part in reversed(parts):
        predict_piece(plan, switching(), part, request='{}')
    last = switching()
    again = add_depth(plan, last, request='{}', parts=parts)
    assert last.calls <= most_calls
    assert again == report
    assert again.skipped['inference failed'] == 1
    assert plan.job.target.read_bytes() == whole.job.target.read_bytes()
    assert sorted(path.name for path in tmp_path.glob('out*')) == ['out.mcap']


def test_other_files_named_like_parts_are_left_alone(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', drive())
    plan = bags.plan(source, tmp_path / 'out.mcap', router_mode='outdoor')
    own = tmp_path / 'out.mcap.piece_notes.txt'
    own.write_text('mine')
    linked = tmp_path / 'out.mcap.piece_1_2'
    linked.symlink_to(own)
    os.mkfifo(tmp_path / 'out.mcap.piece_of_pipe')
    (part,) = parts = spans(IMAGES, 1)
    predict_piece(plan, switching(), part)
    add_depth(plan, switching(), parts=parts)
    assert linked.read_text() == own.read_text() == 'mine'
    assert len(list(tmp_path.glob('out.mcap.piece_*'))) == 3


def test_a_part_that_was_stopped_is_gone_on_with(tmp_path):
    size = (300, 400)
    source = bags.write_mcap(tmp_path / 'in.mcap', drive(size))
    plan = bags.plan(source, tmp_path / 'out.mcap')
    (part,) = spans(IMAGES, 1)
    file = piece_path(plan.job.target, part)
    predict_piece(plan, switching(), part)
    whole = file.read_bytes()
    file.unlink()
    with pytest.raises(StopIteration):
        predict_piece(plan, switching(), part, iter([None] * 15).__next__)
    second = switching()
    predict_piece(plan, second, part)
    assert 1 < IMAGES - second.calls <= 16
    assert file.read_bytes() == whole
    third = switching()
    predict_piece(plan, third, part)
    assert third.calls == 0


def test_a_part_that_was_never_finished_leaves_no_file(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', drive())
    plan = bags.plan(source, tmp_path / 'out.mcap', router_mode='outdoor')
    broken = FakePredictor(2.0)
    broken.depth = lambda rgb, head: 1 / 0
    part = spans(IMAGES, 4)[1]
    with pytest.raises(ZeroDivisionError):
        predict_piece(plan, broken, part)
    assert list(tmp_path.glob('out.mcap.piece_*'))
    add_depth(plan, switching(), parts=[part])
    assert sorted(path.name for path in tmp_path.glob('out*')) == ['out.mcap']


def test_parts_of_other_work_are_passed_over(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', drive())
    whole = bags.plan(source, tmp_path / 'whole.mcap')
    add_depth(whole, switching())
    plan = bags.plan(source, tmp_path / 'out.mcap')
    parts = spans(IMAGES, 3)
    predict_piece(plan, FakePredictor(7.0, precision='bf16'), parts[0])
    predict_piece(plan, FakePredictor(7.0), parts[1], request='another')
    add_depth(plan, switching(), parts=parts)
    assert plan.job.target.read_bytes() == whole.job.target.read_bytes()
