"""A report is plain JSON for programs and a table with words for people."""

import json
import math

import pytest

from zoedepth_ros.benchmark.facts import Facts, find_facts
from zoedepth_ros.benchmark.report import Report, Section, Table

FACTS = Facts(
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
REPORT = Report('zoedepth benchmark network', '2026-11-20', FACTS, (SECTION,), 61.5)


def test_json_has_the_values_by_part_and_nothing_that_is_not_finite():
    found = json.loads(json.dumps(REPORT.as_dict(), allow_nan=False))
    assert found['format'] == 1
    assert found['network'] == {
        'latency_ms_median': 812.0,
        'spread': {'p95_ms': None},
        'rounds': [1.0, None],
        'missing': ['the official code: not installed'],
    }
    assert found['facts']['versions'] == {'torch': '2.12.1', 'numpy': '2.4.0'}
    assert found['duration_s'] == 61.5


def test_the_text_names_the_machine_the_table_the_words_and_what_is_missing():
    text = REPORT.as_text()
    assert 'Some CPU, 2 cores, 24 GB, load 0.2 before the run' in text
    assert 'avx2 avx512_bf16 (instructions of the processor)' in text
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
    with pytest.raises(ValueError, match='2 columns'):
        Table('odd', ('a', 'b'), (('only one',),))


def test_facts_of_this_machine_name_what_figures_are_read_with(monkeypatch):
    monkeypatch.setenv('MALLOC_TOP_PAD_', '67108864')
    monkeypatch.setenv('SECRET_TOKEN', 'x')
    facts = find_facts()
    assert facts.cpu
    assert facts.cores >= 1
    assert facts.versions['torch']
    assert facts.environment['MALLOC_TOP_PAD_'] == '67108864'
    assert 'SECRET_TOKEN' not in facts.environment
