"""Statistics of measured times, and a report as JSON and as text."""

import json
import math

import pytest

from zoedepth_ros.benchmark.benchmark_report import Section, Table, as_dict, as_text
from zoedepth_ros.benchmark.machine import Machine, this_machine
from zoedepth_ros.benchmark.timing import ratio, spread
from zoedepth_ros.files import json_text

MACHINE = Machine(
    cpu='Some CPU',
    cores=2,
    cpu_flags=('avx2', 'avx512_bf16'),
    memory_gb=23.6,
    gpus=(),
    system='Linux 6.1, glibc 2.36',
    python='3.11.2',
    versions={'torch': '2.12.1', 'numpy': '2.4.0'},
    environment={'OMP_NUM_THREADS': '2'},
    load=0.25,
)
TABLE = Table('Network [ms]', ('side', 'median'), (('ours', '812'), ('the other one', '3900.5')))
SECTION = Section(
    'network',
    {'latency_ms_median': 812.0, 'spread': {'p95_ms': math.nan}, 'rounds': (1.0, math.inf)},
    (TABLE,),
    ('Ours takes less time.',),
    ('the official code: not installed',),
)


def test_json_has_the_values_by_part_and_nothing_that_is_not_finite():
    report = as_dict('zoedepth benchmark network', '2026-11-20', MACHINE, [SECTION], 61.5)
    found = json.loads(json_text(report))
    assert found['format'] == 1
    assert found['network'] == {
        'latency_ms_median': 812.0,
        'spread': {'p95_ms': None},
        'rounds': [1.0, None],
        'missing': ['the official code: not installed'],
    }
    assert found['facts']['versions'] == {'torch': '2.12.1', 'numpy': '2.4.0'}
    assert found['duration_s'] == 61.5


def test_the_text_names_the_machine_the_table_the_notes_and_what_is_missing():
    text = as_text('2026-11-20', MACHINE, [SECTION])
    assert 'Some CPU, 2 cores, 24 GB, load 0.2 before the run' in text
    assert 'avx2 avx512_bf16 (instruction sets)' in text
    assert 'torch 2.12.1, numpy 2.4.0' in text
    assert 'variables OMP_NUM_THREADS=2' in text
    assert 'Ours takes less time.' in text
    assert 'NOT MEASURED  the official code: not installed' in text


def test_columns_of_a_table_are_even():
    lines = TABLE.as_text().splitlines()
    assert lines[0] == 'Network [ms]'
    assert lines[1:] == [
        '  side           median',
        '  ours              812',
        '  the other one  3900.5',
    ]


def test_this_machine_is_described_with_its_relevant_variables(monkeypatch):
    monkeypatch.setenv('MALLOC_TOP_PAD_', '67108864')
    monkeypatch.setenv('SECRET_TOKEN', 'x')
    machine = this_machine()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.versions['torch']
    assert machine.environment['MALLOC_TOP_PAD_'] == '67108864'
    assert 'SECRET_TOKEN' not in machine.environment


def test_a_spread_has_median_and_percentiles():
    found = spread([*range(1, 101)])
    assert (found.median_ms, found.p5_ms, found.p95_ms, found.p99_ms) == (50.5, 5, 95, 99)
    assert found.n == 100


def test_percentiles_of_few_times_are_their_extremes():
    assert spread([3.0]).p99_ms == spread([3.0]).p5_ms == 3.0
    assert spread([1.0, 2.0, 9.0]).p95_ms == 9.0
    with pytest.raises(ValueError, match='no time was measured'):
        spread([])


def test_a_ratio_is_taken_round_by_round():
    # a machine that is half as fast in one round: both times double, the ratio stays
    assert ratio([8.0, 4.0, 4.0], [2.0, 1.0, 1.0]) == 4.0
    with pytest.raises(ValueError, match='shorter'):
        ratio([1.0, 2.0], [1.0])
