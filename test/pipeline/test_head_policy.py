"""The head of a video stream: no flicker, no deadlock, no surprise when time jumps."""

import json
import math
import random
import subprocess
import sys
from itertools import pairwise

import pytest

from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.settings import PipelineSettings, settings_from

HEADS = ('indoor', 'outdoor')


def router_output(outdoor: float) -> dict[str, float]:
    return {'indoor': 1.0 - outdoor, 'outdoor': outdoor}


def policy(**changes) -> HeadPolicy:
    return HeadPolicy(HEADS, router(**changes))


def router(**changes) -> PipelineSettings:
    values = {'smoothing': 0.0, 'hysteresis': 0.2, 'min_dwell': 1.0, **changes}
    return settings_from({f'router.{name}': value for name, value in values.items()})


def test_the_first_router_output_decides_at_once():
    chooser = policy()
    assert chooser.update(router_output(0.51), 100.0) == 'outdoor'
    assert chooser.last_switch_s == 100.0


def test_before_any_router_output_the_first_head_is_used():
    chooser = policy()
    assert chooser.head == 'indoor'
    assert chooser.update({}, 1.0) == 'indoor'
    assert chooser.update(router_output(0.9), 1.1) == 'outdoor'  # still the first router output


def test_a_small_lead_does_not_switch():
    chooser = policy()
    chooser.update(router_output(0.0), 0.0)
    assert chooser.update(router_output(0.59), 10.0) == 'indoor'  # leads by 0.18
    assert chooser.update(router_output(0.61), 11.0) == 'outdoor'  # leads by 0.22


def test_a_fresh_head_stays_for_the_dwell_time():
    chooser = policy()
    chooser.update(router_output(0.0), 5.0)
    assert chooser.update(router_output(1.0), 5.99) == 'indoor'
    assert chooser.update(router_output(1.0), 6.0) == 'outdoor'
    assert chooser.last_switch_s == 6.0
    assert chooser.update(router_output(0.0), 6.5) == 'outdoor'


def test_smoothing_is_a_running_mean_that_starts_with_the_first_router_output():
    chooser = policy(smoothing=0.75)
    chooser.update(router_output(0.2), 0.0)
    assert chooser.smoothed['outdoor'] == pytest.approx(0.2)
    chooser.update(router_output(1.0), 1.0)
    assert chooser.smoothed == pytest.approx({'indoor': 0.6, 'outdoor': 0.4})


def test_one_odd_router_output_does_not_switch_but_a_lasting_change_does():
    chooser = policy(smoothing=0.6)
    for i in range(5):
        chooser.update(router_output(0.02), float(i))
    assert chooser.update(router_output(0.98), 5.0) == 'indoor'
    heads = [chooser.update(router_output(0.98), 6.0 + i) for i in range(3)]
    assert heads[-1] == 'outdoor'


def test_a_flickering_router_switches_at_most_once_per_dwell_time():
    chooser = policy(min_dwell=2.0)
    heads = [
        chooser.update(router_output(float(i % 2)), 0.1 * i) for i in range(100)
    ]  # 10 s at 10 Hz
    switches = sum(a != b for a, b in pairwise(heads))
    assert 1 <= switches <= 5


def test_a_forced_head_holds_whatever_the_router_predicts():
    chooser = policy(mode='outdoor')
    assert chooser.head == 'outdoor'
    assert chooser.update(router_output(0.0), 1.0) == 'outdoor'
    assert chooser.smoothed['outdoor'] == 0.0  # yet the router output is kept for display


def test_forcing_shows_at_once_and_the_next_update_notes_the_time():
    chooser = policy()
    chooser.update(router_output(0.0), 1.0)
    chooser.settings = router(mode='outdoor')
    assert chooser.head == 'outdoor'
    chooser.update({}, 1.2)
    assert chooser.last_switch_s == 1.2


def test_back_to_auto_the_router_takes_over_after_the_dwell_time():
    chooser = policy(mode='outdoor')
    chooser.update(router_output(0.0), 1.0)
    chooser.settings = router()
    assert chooser.update(router_output(0.0), 1.5) == 'outdoor'
    assert chooser.update(router_output(0.0), 2.5) == 'indoor'


def test_time_jumping_back_keeps_the_head_and_starts_its_dwell_time_anew():
    chooser = policy()
    chooser.update(router_output(0.0), 1000.0)
    assert chooser.update(router_output(1.0), 3.0) == 'indoor'
    assert chooser.last_switch_s == 3.0
    assert chooser.update(router_output(1.0), 4.0) == 'outdoor'  # not stuck until 1001 s


def test_a_router_output_with_nan_is_passed_over():
    chooser = policy()
    chooser.update(router_output(0.1), 0.0)
    assert chooser.update({'indoor': math.nan, 'outdoor': 1.0}, 9.0) == 'indoor'
    assert chooser.smoothed == pytest.approx(router_output(0.1))


def test_a_single_head_needs_no_router():
    chooser = HeadPolicy(('outdoor',))
    assert chooser.update({}, 0.0) == 'outdoor'
    assert chooser.last_switch_s == 0.0


def test_no_heads_and_a_router_output_about_other_heads_are_refused():
    with pytest.raises(ValueError, match='at least one head'):
        HeadPolicy(())
    with pytest.raises(ValueError, match=r"\['outdoor'\] are missing"):
        policy().update({'indoor': 1.0}, 0.0)


def test_results_and_policy_are_imported_without_torch():
    code = (
        'import sys, zoedepth_ros.inference.result, zoedepth_ros.pipeline.head_policy; '
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_a_policy_continues_from_the_state_of_another_one():
    chance, one, heads = random.Random(3), policy(smoothing=0.5), set()
    for number in range(60):
        other = policy(smoothing=0.5)
        other.restore(json.loads(json.dumps(one.snapshot())))
        given = router_output(chance.random())
        heads.add(one.update(given, number))
        assert other.update(given, number) == one.head
        assert other.snapshot() == one.snapshot()
    assert heads == {'indoor', 'outdoor'}
    with pytest.raises(ValueError, match='expected a saved state of the heads'):
        HeadPolicy(('all',)).restore(one.snapshot())


def test_two_saved_classes_of_one_name_are_refused():
    with pytest.raises(TypeError, match='elsewhere and zoedepth_ros.* both define HeadPolicy'):
        type('HeadPolicy', (Resumable,), {'__module__': 'elsewhere'})
