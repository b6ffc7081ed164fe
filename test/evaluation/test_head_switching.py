import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from constant_network import ConstantNetwork
from listed_samples import flat_sample

from zoedepth_ros.evaluation import head_switching as trajectory
from zoedepth_ros.evaluation.crossings import changes, match
from zoedepth_ros.evaluation.head_switching import evaluate_trajectories, evaluate_trajectory
from zoedepth_ros.media.sample import Sample


@dataclass
class _Frame:
    time_s: float
    sample: Sample


def _trajectory(domains, *, seen=None, step_s=0.25):
    """One frame each quarter second; the image shows `seen`, which the router goes by."""
    for index, domain in enumerate(domains):
        outdoor = (seen or domains)[index] == 'outdoor'
        sample = flat_sample(str(index), 2.0, domain=domain, blue=255 * outdoor)
        yield _Frame(index * step_s, sample)


OUT_AND_BACK = ['indoor'] * 12 + ['outdoor'] * 16 + ['indoor'] * 12


def _two_metres(image, head):
    return np.full((2, 3), 2.0 if head == 'indoor' else 3.0)


def test_the_head_follows_once_each_way_within_a_second_of_the_door():
    report = evaluate_trajectory(ConstantNetwork(_two_metres), _trajectory(OUT_AND_BACK))
    assert report.switches_to == {'indoor': 1, 'outdoor': 1}
    assert [(crossing.time_s, crossing.to) for crossing in report.crossings] == [
        (3.0, 'outdoor'),
        (7.0, 'indoor'),
    ]
    # the smoothed lead after n frames on the other side is 1 - 2 * 0.5^n: above 0.15 at the second
    assert [crossing.delay_s for crossing in report.crossings] == [0.25, 0.25]
    assert report.router_accuracy == 1.0
    assert report.n_frames == 40


def test_a_router_that_sees_the_street_before_the_door_is_early():
    seen = ['indoor'] * 8 + ['outdoor'] * 20 + ['indoor'] * 12
    report = evaluate_trajectory(
        ConstantNetwork(_two_metres), _trajectory(OUT_AND_BACK, seen=seen)
    )
    assert report.crossings[0].delay_s == -0.75  # sees it at 2.0 s, switches at 2.25 s
    assert report.router_accuracy == 0.9


def test_a_router_that_never_notices_has_no_delay():
    seen = ['indoor'] * 40
    report = evaluate_trajectory(
        ConstantNetwork(_two_metres), _trajectory(OUT_AND_BACK, seen=seen)
    )
    assert report.switches_to == {'indoor': 0, 'outdoor': 0}
    assert report.crossings[0].delay_s is None
    assert json.loads(json.dumps(report.as_dict()))['largest_delay_s'] is None


def test_depth_is_that_of_the_head_in_use_not_of_the_last_router_output():
    domains = ['indoor'] * 8 + ['outdoor'] * 8
    report = evaluate_trajectory(ConstantNetwork(_two_metres), _trajectory(domains))
    # ground truth 2 m: the first frame outdoors is predicted by the indoor head, 7 others are 3 m
    assert report.metrics['outdoor'].abs_rel == pytest.approx(0.5 * 7 / 8)
    assert report.metrics['indoor'].abs_rel == pytest.approx(0.0, abs=1e-6)


def test_the_nearest_switch_to_the_same_domain_is_the_doors():
    doors = [(3.0, 'outdoor'), (9.0, 'indoor')]
    switches = [(1.0, 'outdoor'), (2.0, 'indoor'), (3.5, 'outdoor'), (9.25, 'indoor')]
    assert [crossing.delay_s for crossing in match(doors, switches)] == [0.5, 0.25]


def test_several_trajectories_are_judged_by_their_worst(monkeypatch):
    late = ['indoor'] * 16 + ['outdoor'] * 12 + ['indoor'] * 12

    def draw(kind, seed):
        assert kind == 'door'
        return _trajectory(OUT_AND_BACK, seen=late if seed == 6 else None)

    monkeypatch.setattr(trajectory, 'CameraTrajectory', draw)
    found = evaluate_trajectories(ConstantNetwork(_two_metres), seed=5, n_trajectories=2).as_dict()
    assert found['largest_delay_s'] == 1.25  # seen at 4.0 s, switched at 4.25 s, the door at 3.0 s
    assert found['most_switches_to'] == {'indoor': 1, 'outdoor': 1}
    assert [w['largest_delay_s'] for w in found['trajectories']] == [0.25, 1.25]
    assert json.loads(json.dumps(found))['model'] == 'ZoeD_tiny_NK'


def test_a_beginning_is_not_a_change():
    assert changes([0.0, 1.0, 2.0], ['outdoor', 'outdoor', 'indoor']) == [(2.0, 'indoor')]


def test_a_trajectory_needs_a_router_and_frames():
    with pytest.raises(ValueError, match='ZoeD_tiny_NK has no router'):
        evaluate_trajectory(ConstantNetwork(_two_metres, router=False), _trajectory(['indoor']))
    with pytest.raises(ValueError, match='without frames'):
        evaluate_trajectory(ConstantNetwork(_two_metres), [])


def test_on_a_trajectory_too_depth_is_brought_to_the_camera():
    def frames():
        for index, domain in enumerate(['indoor'] * 3 + ['outdoor'] * 3):
            blue = 255 * (domain == 'outdoor')
            sample = flat_sample(str(index), 4.0, domain=domain, blue=blue, focal_px=16 / 3)
            yield _Frame(0.25 * index, sample)  # f / H = 4 / 3, twice the training's

    network = ConstantNetwork(_two_metres, training_hfov_rad=math.pi / 2)
    report = evaluate_trajectory(network, frames())
    assert report.metrics['indoor'].abs_rel == pytest.approx(0.0, abs=1e-6)
    assert report.focal_correction == 'scale'
    off = evaluate_trajectory(network, frames(), focal_correction='off')
    assert off.metrics['indoor'].abs_rel == pytest.approx(0.5)
    assert off.focal_correction == 'off'
