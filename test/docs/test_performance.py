"""The figures of docs/performance.md are those of the files in docs/benchmarks."""

import json
import re

import pytest
from docs_pages import ROOT


def test_reports_that_are_kept_name_hardware_command_and_date():
    reports = list((ROOT / 'docs/benchmarks').glob('*.json'))
    assert reports
    for path in reports:
        content = json.loads(path.read_text())
        command = 'python scripts/soak.py ' if 'soak' in path.name else 'zoedepth benchmark '
        facts = content['machine' if 'soak' in path.name else 'facts']
        assert content['command'].startswith(command), path.name
        assert re.fullmatch(r'20\d\d-\d\d-\d\d', content['date']), path.name
        assert facts['cpu'], path.name
        assert facts['versions']['torch'], path.name
        assert '/' not in content['command'].removeprefix(command), path.name


def report(name):
    """Return the content of a report."""
    return json.loads((ROOT / f'docs/benchmarks/{name}.json').read_text())


def section(page, title):
    """Return the text below a heading."""
    return (ROOT / page).read_text().partition(f'## {title}')[2].partition('\n## ')[0]


def cells(text):
    """Return the cells of the rows of every table in a text."""
    rows = [line.strip('|').split('|') for line in text.splitlines() if line.startswith('| ')]
    return [[cell.strip(' *`') for cell in row] for row in rows]


def test_the_tables_of_the_network_are_those_of_its_report():
    found = report('network_cpu')['network']
    rows = cells(section('docs/performance.md', 'The network'))
    sides = {row[0]: row[1:] for row in rows if len(row) == 6}
    keys = {row[0]: row[1] for row in rows if len(row) == 3}
    own = sides.pop('ours, bf16, as the node runs it')
    assert float(own[0]) == pytest.approx(found['latency_ms_median'], abs=0.5)
    titles = {side['title']: side for side in found['variants'].values()}
    assert sides.keys() - {'implementation'} == titles.keys()
    for title, side in titles.items():
        median_ms, span, longer, deviation, _ = sides[title]
        times = side['latency_ms']
        assert float(median_ms) == pytest.approx(times['median_ms'], abs=0.5), title
        assert span == f'{times["p5_ms"]:.0f} to {times["p95_ms"]:.0f}', title
        assert float(longer) == pytest.approx(side['times_longer_than_ours'], abs=0.005), title
        if deviation != '–':
            expected = side['mean_relative_deviation']
            assert float(deviation) == pytest.approx(expected, rel=0.06), title
    exact = {key for key in keys if re.fullmatch(r'speedup_\w+|latency_ms_median', key)}
    assert len(exact) >= 5
    for key in keys.keys() - {'key'}:
        rel = 0.01 if key in exact else 0.06
        assert float(keys[key]) == pytest.approx(found[key], rel=rel, abs=1e-9), key


def test_the_speeds_in_the_readme_are_those_of_the_report():
    found = report('network_cpu')['network']
    _, *rows = cells(section('README.md', 'Speed'))
    sides = [found['variants'][name] for name in ('ours_fp32', 'transformers', 'official')]
    times_ms = [found['latency_ms_median'], *(side['latency_ms']['median_ms'] for side in sides)]
    longer = [1.0, *(side['times_longer_than_ours'] for side in sides)]
    assert [float(row[1]) for row in rows] == pytest.approx(times_ms, abs=0.5)
    assert [float(row[2]) for row in rows] == pytest.approx(longer, abs=0.005)


def test_the_table_of_other_runtimes_is_that_of_its_reports():
    _, *rows = cells(section('docs/performance.md', 'Other runtimes'))
    assert len(rows) == 5
    for file, place in (('runtimes_cpu', 1), ('runtimes_small_cpu', 4)):
        found = report(file)['network']
        titles = {x['title']: x for x in found['variants'].values()}
        assert float(rows[0][place]) == pytest.approx(found['latency_ms_median'], rel=0.01)
        assert float(rows[0][place + 2]) == pytest.approx(found['mean_relative_deviation'], 0.05)
        for row in rows[1:]:
            side = titles[row[0].partition(' (')[0]]
            written = [float(cell) for cell in row[place : place + 3]]
            assert written == pytest.approx(
                [
                    side['latency_ms']['median_ms'],
                    side['times_longer_than_ours'],
                    side['mean_relative_deviation'],
                ],
                rel=0.05,
            )


def test_the_node_s_figures_on_the_page_are_those_of_its_report():
    single = report('node_cpu')['node']['single']
    text = section('docs/performance.md', 'The node around the network')
    both = (('overhead_ms', 'naive_overhead_ms'), ('latency_ms', 'naive_latency_ms'))
    wanted = [[one[key] for key in keys] for keys in both for one in single.values()]
    rows = re.findall(r'^\| (?:\d|and)[^|]*\| ([\d.]+) \| ([\d.]+)', text, re.MULTILINE)
    assert len(rows) == 12
    for row, figures in zip(rows, wanted, strict=True):
        assert [float(cell) for cell in row] == pytest.approx(figures, abs=0.006)
