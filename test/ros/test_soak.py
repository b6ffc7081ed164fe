"""The long run, short: scripts/soak.py with a fake network for a minute."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / 'scripts' / 'soak.py'


@pytest.mark.slow
def test_a_minute_of_images_grows_nothing_and_brings_every_depth_in_order(tmp_path):
    out = tmp_path / 'soak.json'
    command = [sys.executable, str(SOAK), '--minutes', '1', '--warm-up', '10', '--out', str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(out.read_text(encoding='utf-8'))
    assert summary['faults'] == []
    assert summary['rates_hz']['depth'] == pytest.approx(30.0, rel=0.05)
    assert summary['streams']['depth/image']['received'] > 1500


def judged(**changes):
    """Judge a run of 100 s in which everything is well but what the changes say."""
    sys.path.insert(0, str(SOAK.parent))
    try:
        import soak
    finally:
        sys.path.remove(str(SOAK.parent))
    values = {'memory_mb': lambda i: 100.0, 'threads': lambda i: 9, 'depth': lambda i: 10 * i}
    values |= changes
    samples = [
        soak.Sample(values['memory_mb'](i), values['threads'](i), 30, values['depth'](i), float(i))
        for i in range(100)
    ]
    stream = soak.Stream(0.5, 1000, values.get('misordered', 0), values.get('stale', 0))
    rates_hz = dict.fromkeys(('wanted', 'camera', 'depth', 'reported'), 10.0)
    rates_hz |= values.get('rates_hz', {})
    return soak.judge(samples, {'depth/image': stream}, rates_hz)['faults']


def test_a_run_in_which_all_is_well_has_no_faults():
    assert judged() == []
    assert judged(memory_mb=lambda i: 100.0 + 0.1 * i) == []


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'memory_mb': lambda i: 100.0 + 0.3 * i}, 'memory grew by 27'),
        ({'threads': lambda i: 9 + i // 50}, 'threads grew by 1'),
        ({'misordered': 1}, 'misordered=1'),
        ({'stale': 2}, 'stale=2'),
        ({'rates_hz': {'wanted': 11.0}}, 'rate camera 10.00 Hz, wanted 11.00 Hz'),
        ({'rates_hz': {'camera': 9.4, 'wanted': 9.4}}, 'rate depth 10.00 Hz, camera 9.40 Hz'),
        ({'rates_hz': {'reported': 9.4}}, 'rate reported 9.40 Hz, depth 10.00 Hz'),
        ({'rates_hz': {'reported': float('nan')}}, 'rate reported nan Hz'),
        ({'depth': lambda i: min(10 * i, 900 + 9 * (i - 90))}, 'depth_last 9.00 Hz, depth_first'),
    ],
)
def test_what_the_long_run_is_there_to_find_is_found(changes, words):
    (fault,) = judged(**changes)
    assert words in fault
