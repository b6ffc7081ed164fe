import math
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from zoedepth_ros.demo import report_files
from zoedepth_ros.demo.frame_sets import RecordedFrame
from zoedepth_ros.demo.ground_truth import MAX_DEPTH_M, GroundTruthCollector, score
from zoedepth_ros.demo.report_files import write_frames
from zoedepth_ros.demo.trajectory_image import door_text, draw_trajectory, error_text, percent
from zoedepth_ros.demo.trajectory_summary import (
    EvenSample,
    RouterOutput,
    Score,
    ScoredFrame,
    TrajectorySummary,
)
from zoedepth_ros.media.panel import draw_panel

NAN, INF = math.nan, math.inf


def depth(*rows):
    return np.array(rows, np.float32)


def test_the_error_is_relative_to_the_ground_truth_and_skips_unknown_pixels():
    true_m = depth([2.0, 4.0, NAN, 5.0], [1.0, 8.0, 12.0, 4.0])
    depth_m = depth([2.2, 3.0, 7.0, NAN], [1.5, 8.0, 90.0, 4.0])
    # Counted: 10 %, 25 %, 50 %, 0, 0; not the sky, the unknown one, nor the 12 m indoors.
    found = score(depth_m, true_m, 'indoor')
    assert found.abs_rel == pytest.approx(0.85 / 5)
    assert found.delta1 == pytest.approx(3 / 5)  # 4 against 3 is a factor of 1.33
    assert found.measured == pytest.approx(5 / 6)


def test_out_of_range_counts_as_the_end_of_the_range():
    found = score(depth([INF, -INF]), depth([40.0, 40.0]), 'outdoor')
    assert found.abs_rel == pytest.approx(1.0, abs=1e-4)  # 80 m, and next to nothing
    assert found.measured == 1.0


def test_without_pixels_there_is_no_score():
    assert math.isnan(score(depth([1.0]), depth([NAN]), 'indoor').abs_rel)
    assert score(depth([NAN]), depth([1.0]), 'indoor').measured == 0.0


def test_another_size_or_domain_is_an_error():
    with pytest.raises(ValueError, match='of one size'):
        score(depth([1.0]), depth([1.0, 2.0]), 'indoor')
    with pytest.raises(ValueError, match='indoor, outdoor'):
        score(depth([1.0]), depth([1.0]), 'cellar')


def test_the_scored_range_is_that_of_the_evaluation():
    from zoedepth_ros.evaluation.protocol import DOMAIN_PROTOCOLS

    assert {d: p.max_depth_m for d, p in DOMAIN_PROTOCOLS.items()} == MAX_DEPTH_M


def frame(time_s, domain, abs_rel=0.1):
    rgb = np.full((30, 40, 3), 80, np.uint8)
    true_m = np.tile(np.linspace(1.0, 6.0, 40, dtype=np.float32), (30, 1))
    depth_m = true_m * np.float32(1.0 + abs_rel)
    return ScoredFrame(time_s, rgb, true_m, depth_m, domain, Score(abs_rel, 1.0 - abs_rel, 1.0))


def trajectory(*, abs_rel=lambda t: 0.1, head_delay_s=0.3):
    """Ten seconds at 10 Hz from 100 s on; outdoors from 3 s to 7 s, the head a little later."""
    summary = TrajectorySummary()
    for index in range(100):
        t = index / 10
        domain = 'outdoor' if 3.0 <= t < 7.0 else 'indoor'
        head = 'outdoor' if 3.0 <= t - head_delay_s < 7.0 else 'indoor'
        summary.domains.append((100.0 + t, domain))
        summary.router_outputs.append(
            RouterOutput(100.0 + t, head, 0.9 if domain == 'outdoor' else 0.2)
        )
        summary.add(frame(100.0 + t, domain, abs_rel(t)))
    for index in range(100, 130):  # images without ground truth follow
        summary.router_outputs.append(RouterOutput(100.0 + index / 10, 'outdoor', 0.99))
    return summary


def test_doors_switches_and_delays_are_found_in_the_stream():
    router = trajectory().summary()['router']
    assert [(d['time_s'], d['to'], d['delay_s']) for d in router['doors']] == [
        (3.0, 'outdoor', 0.3),
        (7.0, 'indoor', 0.3),
    ]
    assert router['switches'] == [
        {'time_s': 3.3, 'to': 'outdoor'},
        {'time_s': 7.3, 'to': 'indoor'},
    ]
    assert router['accuracy'] == 1.0


def test_a_head_that_never_follows_has_no_delay_and_one_that_leads_a_negative_one():
    never = trajectory(head_delay_s=50.0).summary()['router']
    assert [door['delay_s'] for door in never['doors']] == [None, None]
    assert never['switches'] == []
    ahead = trajectory(head_delay_s=-0.4).summary()['router']
    assert [door['delay_s'] for door in ahead['doors']] == [-0.4, -0.4]


def test_errors_are_means_over_the_images_of_a_domain():
    summary = trajectory(abs_rel=lambda t: 0.2 if 3.0 <= t < 7.0 else 0.1).summary()
    assert (summary['images'], summary['compared'], summary['duration_s']) == (100, 100, 9.9)
    assert summary['indoor'] == {
        'compared': 60, 'abs_rel_percent': 10.0, 'delta1': 0.9, 'measured': 1.0,
    }  # fmt: skip
    assert summary['outdoor']['abs_rel_percent'] == 20.0
    assert summary['outdoor']['compared'] == 40


def test_without_ground_truth_the_summary_is_empty():
    summary = TrajectorySummary()
    summary.router_outputs.append(RouterOutput(1.0, 'indoor', 0.1))
    assert summary.summary() == {}
    assert summary.examples() == {}
    assert draw_trajectory(summary, model='model', warning='') == []


def test_ground_truth_without_depth_is_reported_as_nothing_compared():
    summary = TrajectorySummary()
    summary.domains.append((1.0, 'indoor'))
    values = summary.summary()
    assert values['compared'] == 0
    assert 'indoor' not in values
    assert draw_trajectory(summary, model='model', warning='') == []


def test_the_examples_are_indoors_before_the_door_and_outdoors():
    # The images nearest to the mean of outdoors, 18 %, are in the second half of the stay.
    examples = trajectory(
        abs_rel=lambda t: 0.1 if t <= 5.0 else 0.2 if t <= 5.5 else 0.3
    ).examples()
    times_s = {where: found.time_s - 100.0 for where, found in examples.items()}
    assert list(times_s) == ['indoors', 'at the door', 'outdoors']
    assert times_s['indoors'] <= 1.5
    assert times_s['at the door'] == pytest.approx(2.0, abs=0.2)
    assert 4.5 <= times_s['outdoors'] <= 5.0


def test_the_example_has_the_mean_error_of_the_trajectory():
    # Outdoors the mean is 20 %; between 4.5 and 5 s only the image at 4.8 s is near it.
    wrong = {4.8: 0.2}
    examples = trajectory(abs_rel=lambda t: wrong.get(t, 0.02 if t < 5.0 else 0.38)).examples()
    assert examples['outdoors'].score.abs_rel == pytest.approx(0.2)


@pytest.mark.parametrize('count', [1, 8, 9, 100, 1000])
def test_a_sample_is_even_from_the_first_to_the_last_item(count):
    kept = EvenSample(8)
    for index in range(count):
        kept.add(index)
    found = list(kept)
    assert found[0] == 0
    assert min(count, 4) <= len(found) <= 8
    assert found[-1] >= count - 1 - count // 4
    gaps = {b - a for a, b in pairwise(found)}
    assert len(gaps) <= 1


def test_the_trajectory_is_drawn_with_its_errors_and_its_router(tmp_path):
    parts = draw_trajectory(trajectory(), model='model', warning='')
    heading, indoors, door, outdoors, _, strip = parts
    assert indoors.shape == door.shape == outdoors.shape
    assert {part.shape[1] for part in parts} == {heading.shape[1]}
    # The area under the curve has the colour of outdoors.
    blue = (np.abs(strip.astype(int) - (200, 140, 60)).sum(axis=2) < 9).sum(axis=0)
    assert blue[strip.shape[1] // 2] > 2 * blue[strip.shape[1] // 4]
    assert write_frames(tmp_path, [], warning='', caption='', above=parts) == ['demo.png']
    drawn = cv2.imread(str(tmp_path / 'demo.png'))
    assert drawn.shape[0] == sum(part.shape[0] for part in parts)


def test_random_weights_beside_ground_truth_are_labelled():
    plain = draw_trajectory(trajectory(), model='model', warning='')
    warned = draw_trajectory(trajectory(), model='model', warning='random weights: not depth')
    for index in (1, 2, 3):
        changed = (plain[index] != warned[index]).any(axis=2)
        assert changed.any(axis=0).mean() > 0.95


def test_a_warning_stands_below_a_photograph_and_across_it_for_random_weights(tmp_path):
    rgb = np.full((30, 40, 3), 120, np.uint8)
    points_m = np.ones((1200, 3), np.float32)
    depth_m = np.linspace(1.0, 4.0, 1200, dtype=np.float32).reshape(30, 40)
    frame_ = RecordedFrame(rgb, depth_m, points_m, rgb.reshape(-1, 3))
    drawn = {}
    for name, warning, is_random in (
        ('no', '', False),
        ('noise', 'x', True),
        ('note', 'x', False),
    ):
        folder = tmp_path / name
        folder.mkdir()
        write_frames(folder, [frame_], warning=warning, caption='m', is_random=is_random)
        drawn[name] = cv2.imread(str(folder / 'demo.png'))
    height = drawn['no'].shape[0]
    assert drawn['noise'].shape == drawn['no'].shape
    assert (drawn['noise'] != drawn['no']).any(axis=2)[height // 2].mean() > 0.9
    assert np.array_equal(drawn['note'][:height], drawn['no'])
    assert drawn['note'][height:, :, 2].mean() > 150  # red


def test_the_warning_is_shown_as_it_is(tmp_path, monkeypatch):
    notes = []

    def draw(*arrays, note, **how):
        notes.append(note)
        return draw_panel(*arrays, note=note, **how)

    monkeypatch.setattr(report_files, 'draw_panel', draw)
    rgb, points_m = np.zeros((30, 40, 3), np.uint8), np.ones((1200, 3), np.float32)
    frame_ = RecordedFrame(rgb, np.ones((30, 40), np.float32), points_m, rgb.reshape(-1, 3))
    write_frames(tmp_path, [frame_], warning='trained on x', caption='m', is_random=False)
    assert notes == ['trained on x']


def test_texts_report_the_measured_values():
    assert percent(0.0512) == '5.1 %'
    assert percent(0.2449) == '24 %'
    assert door_text(-0.42) == 'door; the head switches 0.4 s before the door'
    assert door_text(0.2) == 'door; the head switches 0.2 s after the door'
    assert door_text(None) == 'door; the head does not switch'
    assert 'indoor 10 % (90 % of the pixels within a factor of 1.25)' in error_text(trajectory())


def image(values):
    data = np.asarray(values, '<f4')
    height, width = data.shape
    return SimpleNamespace(
        encoding='32FC1', height=height, width=width, step=4 * width, is_bigendian=0,
        data=data.tobytes(),
    )  # fmt: skip


def test_depth_is_compared_with_ground_truth_of_its_own_stamp():
    collector = GroundTruthCollector()
    rgb_image = SimpleNamespace(
        encoding='rgb8', height=1, width=2, step=6, is_bigendian=0, data=bytes(6)
    )
    for stamp_ns, true_m in ((10**9, 2.0), (2 * 10**9, 4.0)):
        collector.add('ground_truth/domain', stamp_ns, SimpleNamespace(head='indoor'))
        collector.add('ground_truth/depth', stamp_ns, image([[true_m, true_m]]))
        collector.add('image', stamp_ns, rgb_image)
    collector.add('depth/image', 2 * 10**9, image([[5.0, 3.0]]))
    domain = SimpleNamespace(head='indoor', outdoor_probability=0.25)
    collector.add('domain', 2 * 10**9, domain)
    summary = collector.summary.summary()
    assert (summary['images'], summary['compared']) == (2, 1)
    assert summary['indoor']['abs_rel_percent'] == 25.0
    assert summary['router']['accuracy'] == 1.0
    # An image within the trajectory whose ground truth was lost is no photograph.
    known = [collector.covers(stamp_ns) for stamp_ns in (5, 10**9, 15 * 10**8, 3 * 10**9)]
    assert known == [False, True, True, False]
