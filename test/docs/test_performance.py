"""The pictures of docs/performance.md show what the files beside them say."""

import importlib.util
import json
import re

import pytest
from docs_pages import ROOT

spec = importlib.util.spec_from_file_location(
    'docs_performance', ROOT / 'scripts/docs_performance.py'
)
docs_performance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(docs_performance)


def test_the_pictures_are_drawn_from_the_files():
    assert docs_performance.pictures()
    assert docs_performance.main(['--check']) == 0


@pytest.mark.parametrize(
    ('operator', 'kind'),
    [
        ('aten::addmm', 'linear layers'),
        ('mkldnn::_linear_pointwise', 'linear layers'),
        ('aten::_scaled_dot_product_attention_math', 'attention'),
        ('aten::bmm', 'attention'),
        ('aten::mkldnn_convolution', 'convolutions'),
        ('aten::upsample_bilinear2d', 'interpolation'),
        ('aten::copy_', 'copies, layout'),
        ('aten::native_layer_norm', 'normalisation, GELU'),
        ('aten::add', 'everything else'),
    ],
)
def test_operators_are_told_apart(operator, kind):
    assert docs_performance.kind_of(operator) == kind


def test_reports_that_are_kept_name_hardware_command_and_date():
    reports = [p for p in (ROOT / 'docs/benchmarks').glob('*.json') if 'profile' not in p.name]
    assert reports
    for path in reports:
        report = json.loads(path.read_text())
        command = 'python scripts/soak.py ' if 'soak' in path.name else 'zoedepth benchmark '
        facts = report['machine'] if 'soak' in path.name else report['facts']
        assert report['command'].startswith(command), path.name
        assert re.fullmatch(r'20\d\d-\d\d-\d\d', report['date']), path.name
        assert facts['cpu'], path.name
        assert facts['versions']['torch'], path.name
        assert '/' not in report['command'].removeprefix(command), path.name


def test_the_figures_on_the_page_are_those_of_the_report():
    page = (ROOT / 'docs/performance.md').read_text()
    network = json.loads((ROOT / 'docs/benchmarks/network_cpu.json').read_text())['network']
    named = dict(re.findall(r'\| `(speedup_\w+|latency_ms_median)` \| ([\d.]+)', page))
    assert len(named) >= 5
    for key, written in named.items():
        assert float(written) == pytest.approx(network[key], rel=0.01), key


def test_the_node_s_figures_on_the_page_are_those_of_its_report():
    page = (ROOT / 'docs/performance.md').read_text()
    section = page.partition('## The node around the network')[2].partition('\n## ')[0]
    report = json.loads((ROOT / 'docs/benchmarks/node_cpu.json').read_text())['node']
    both = (('overhead_ms', 'naive_overhead_ms'), ('latency_ms', 'naive_latency_ms'))
    wanted = [[one[key] for key in keys] for keys in both for one in report['single'].values()]
    rows = re.findall(r'^\| (?:\d|and)[^|]*\| ([\d.]+) \| ([\d.]+)', section, re.MULTILINE)
    assert len(rows) == 12
    for row, figures in zip(rows, wanted, strict=True):
        assert [float(cell) for cell in row] == pytest.approx(figures, abs=0.006)
