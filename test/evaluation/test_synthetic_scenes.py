import json
import math

import numpy as np
import pytest
from constant_network import ConstantNetwork
from listed_samples import flat_sample

from zoedepth_ros.evaluation import synthetic_scenes
from zoedepth_ros.evaluation.synthetic_scenes import (
    HELD_OUT_SEED,
    SyntheticScenes,
    evaluate_scenes,
)


@pytest.fixture
def rendered(monkeypatch):
    """Render rooms of 2 m and streets of 40 m with blue in them; returns which."""
    requested = []

    def render(domain, seed, height, width):
        requested.append((domain, seed))
        outdoor = domain == 'outdoor'
        depth_m, blue = (40.0, 255) if outdoor else (2.0, 0)
        return flat_sample(f'{domain}-{seed}', depth_m, domain=domain, blue=blue)

    monkeypatch.setattr(synthetic_scenes, 'render_scene', render)
    return requested


def _by_head(image, head):
    return np.full((2, 3), 2.2 if head == 'indoor' else 36.0)


def test_scores_are_by_domain_under_the_names_that_were_promised(rendered):
    found = evaluate_scenes(ConstantNetwork(_by_head), seed=3, n_samples=4).as_dict()
    found = json.loads(json.dumps(found, allow_nan=False))
    assert found['indoor']['abs_rel'] == pytest.approx(0.1)
    assert found['outdoor']['abs_rel'] == pytest.approx(0.1)
    assert found['outdoor']['rmse'] == pytest.approx(4.0)
    assert found['indoor']['delta1'] == 1.0
    assert found['router_accuracy'] == 1.0
    assert found['n_scenes'] == {'indoor': 2, 'outdoor': 2}


def test_samples_are_the_sum_of_both_domains_and_an_odd_one_is_a_room(rendered):
    evaluate_scenes(ConstantNetwork(_by_head), seed=0, n_samples=5)
    assert [domain for domain, _ in rendered] == ['indoor'] * 3 + ['outdoor'] * 2
    rendered.clear()
    evaluate_scenes(ConstantNetwork(_by_head), seed=0, n_samples=1)
    assert len(rendered) == 1


def test_evaluation_scenes_are_never_those_of_training_nor_of_another_seed(rendered):
    for seed in (0, 1):
        evaluate_scenes(ConstantNetwork(_by_head), seed=seed, n_samples=6)
    assert min(seed for _, seed in rendered) >= HELD_OUT_SEED
    assert len(set(rendered)) == 12


def test_a_forced_head_leaves_the_router_output_as_it_is(rendered):
    found = evaluate_scenes(ConstantNetwork(_by_head), seed=0, n_samples=2, head='indoor')
    assert found.router_accuracy == 1.0
    assert found.reports['outdoor'].router_accuracy == 1.0
    assert found.reports['outdoor'].metrics.delta3 == 0.0


def test_the_router_is_right_in_the_share_of_all_scenes(rendered, monkeypatch):
    network = ConstantNetwork(_by_head)
    ask = network.predict_network_resolution
    network.predict_network_resolution = lambda image, head='auto': ask(image * 0, head)
    assert evaluate_scenes(network, seed=0, n_samples=5).router_accuracy == pytest.approx(0.6)


def test_a_model_without_a_router_has_no_router_accuracy(rendered):
    network = ConstantNetwork(_by_head, router=False)
    assert evaluate_scenes(network, seed=0, n_samples=2).as_dict()['router_accuracy'] is None


@pytest.mark.parametrize(('seed', 'n_scenes'), [(-1, 1), (0, 0), (0, 10**6 + 1)])
def test_scenes_that_cannot_be_kept_apart_are_refused(seed, n_scenes):
    with pytest.raises(ValueError, match='expected a seed of 0 or more'):
        SyntheticScenes(domain='indoor', seed=seed, n_scenes=n_scenes)


def test_rendered_scenes_are_real_and_the_same_every_time():
    pytest.importorskip('numba')
    for domain in ('indoor', 'outdoor'):
        data = SyntheticScenes(domain=domain, seed=7, n_scenes=1, height=48, width=64)
        (first,), (again,) = data, data
        np.testing.assert_array_equal(first.depth_m, again.depth_m)
        np.testing.assert_array_equal(first.rgb, again.rgb)
        assert first.domain == domain
        assert data.evaluation_image(first).max() <= 1.0


def test_scores_without_the_camera_stand_beside_those_with_it(monkeypatch):
    def render(domain, seed, height, width):
        depth_m, blue = (72.0, 255) if domain == 'outdoor' else (2.2, 0)
        focal_px = 16 / 3 if domain == 'outdoor' else 8 / 3  # f / H of 4 / 3 and 2 / 3
        return flat_sample(str(seed), depth_m, domain=domain, blue=blue, focal_px=focal_px)

    monkeypatch.setattr(synthetic_scenes, 'render_scene', render)
    network = ConstantNetwork(_by_head, training_hfov_rad=math.pi / 2)
    found = evaluate_scenes(network, seed=0, n_samples=2).as_dict()
    assert found['focal_correction'] == 'scale'
    assert found['indoor']['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    assert found['outdoor']['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    assert found['without_camera']['indoor']['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    assert found['without_camera']['outdoor']['abs_rel'] == pytest.approx(0.5)
    off = evaluate_scenes(network, seed=0, n_samples=2, focal_correction='off').as_dict()
    assert off['focal_correction'] == 'off'
    assert off['outdoor']['abs_rel'] == pytest.approx(0.5)
    assert 'without_camera' not in off
