"""The long run, short: scripts/soak.py with a fake network for a minute."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / 'scripts' / 'soak.py'


@pytest.mark.slow
def test_a_minute_of_pictures_grows_nothing_and_brings_every_depth_in_order():
    command = [sys.executable, str(SOAK), '--minutes', '1', '--warm-up', '10', '--rate', '30']
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(done.stdout[done.stdout.index('{') :])
    assert verdict['faults'] == []
    assert verdict['camera_hz'] == pytest.approx(30.0, rel=0.05)
    assert verdict['streams']['depth/image']['received'] > 1500


def judged(**changes):
    """Judge a run of 100 s in which everything is well but what the changes say."""
    sys.path.insert(0, str(SOAK.parent))
    try:
        import soak
    finally:
        sys.path.remove(str(SOAK.parent))
    values = {'memory_mb': lambda i: 100.0, 'threads': lambda i: 9, 'received': 1000, **changes}
    samples = [soak.Sample(values['memory_mb'](i), values['threads'](i), 30) for i in range(100)]
    stream = soak.Stream(
        0.5, values['received'], values.get('misordered', 0), values.get('stale', 0)
    )
    verdict = soak.judge(samples, {'depth/image': stream}, 1000, all_=True)
    return verdict['faults']


def test_a_run_in_which_all_is_well_has_no_faults():
    assert judged() == []
    assert judged(memory_mb=lambda i: 100.0 + 0.1 * i) == []


@pytest.mark.parametrize(
    ('changes', 'says'),
    [
        ({'memory_mb': lambda i: 100.0 + 0.3 * i}, 'memory grew by 27'),
        ({'threads': lambda i: 9 + i // 50}, 'threads grew by 1'),
        ({'misordered': 1}, 'misordered=1'),
        ({'stale': 2}, 'stale=2'),
        ({'received': 940}, '940 depth images of 1000'),
    ],
)
def test_what_the_long_run_is_there_to_find_is_found(changes, says):
    (fault,) = judged(**changes)
    assert says in fault
